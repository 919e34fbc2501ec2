// The table of what a solver's steps cost: a row for each question, from the moment it is asked.

// In three digits, and no more than three behind the point: 137, 12.3, 1.23, 0.012.
export function short(v) {
  const size = Math.abs(v);
  if (size < 5e-4) return '0.000';
  return size < 1e5 ? v.toFixed(Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(size))))) : v.toExponential(0);
}

// The model's own number is of all data; what is lost, of those where the solver's steps fold nothing, and marked so.
export function cost_texts({nll, lost, folded}) {
  return [short(nll), lost === null ? '-' : short(lost) + (folded > 0 ? '*' : ''),
          `${(100 * folded).toFixed(folded && folded < .1 ? 1 : 0)} %`];
}

export class CostTable {
  constructor(table, most = 8) { Object.assign(this, {body: table.tBodies[0], most, rows: new Map()}); }
  // asked: what the row is of, in texts. The same question once more takes the place of its row.
  async ask(key, asked, answer) {
    this.rows.get(key)?.remove();
    const row = this.body.insertRow(0), began = performance.now();
    this.rows.set(key, row);
    for (const text of asked) row.insertCell().textContent = text;
    const wait = row.insertCell();
    wait.colSpan = 3;
    wait.setAttribute('aria-live', 'off');  // seconds are not read aloud
    const say = () => { wait.textContent = `computing ... ${Math.floor((performance.now() - began) / 1000)} s`; };
    say();
    const clock = setInterval(say, 500);
    try {
      const texts = cost_texts(await answer());
      wait.remove();
      for (const text of texts) row.insertCell().textContent = text;
      while (this.body.rows.length > this.most) this.body.deleteRow(-1);
    } catch (error) {
      row.remove();
      throw error;
    } finally { clearInterval(clock); }
  }
}
