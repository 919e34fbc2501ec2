// "Show me the code": excerpts of the sources, which the bundler has put into the page.

export function code_pane(excerpts, $) {
  const show = excerpt => {
    for (const tab of $('tabs').children)
      tab.setAttribute('aria-selected', tab.dataset.id === excerpt.id);
    $('why').textContent = excerpt.why;
    $('file').textContent = `${excerpt.file}, line ${excerpt.line}`;
    $('lines').replaceChildren(...excerpt.text.split('\n').flatMap(line => {
      const at = line.indexOf('//'), code = at < 0 ? line : line.slice(0, at);
      const comment = document.createElement('span');
      comment.className = 'comment';
      comment.textContent = at < 0 ? '' : line.slice(at);
      return [code, comment, '\n'];
    }));
  };
  for (const excerpt of excerpts) {
    const tab = document.createElement('button');
    Object.assign(tab, {textContent: excerpt.title, onclick: () => show(excerpt)});
    tab.dataset.id = excerpt.id;
    tab.setAttribute('role', 'tab');
    $('tabs').append(tab);
  }
  show(excerpts[0]);
  return id => show(excerpts.find(excerpt => excerpt.id === id));
}
