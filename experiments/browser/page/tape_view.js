// The tape of one training step, drawn as a graph, and walked along.
//
// A node's column is the length of the longest way to it, so every line goes downwards in time; the
// walk is by the order on the tape. Going backwards begins at the loss, and lights up what gradients
// have reached.
const kWide = 132, kHigh = 34, kGapX = 14, kGapY = 30;
const svg = (name, attributes, text) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const numbers = (list, shape) => {
  if (!list) return 'none: nothing flows back to it';
  const count = shape.reduce((a, b) => a * b, 1);
  return Array.from(list, v => Number(v).toPrecision(4)).join('  ') + (count > list.length ? '  ...' : '');
};

export class TapeView {
  constructor($, trouble) {
    Object.assign(this, {$, trouble, nodes: [], at: 0, backwards: false, boxes: new Map()});
    $('tape-on').onclick = () => this.move(1);
    $('tape-back').onclick = () => this.move(-1);
    $('graph').onkeydown = event => {
      const by = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      if (by) { event.preventDefault(); event.stopPropagation(); this.move(by); }
    };
  }
  show(nodes) {
    this.nodes = nodes;
    this.place();
    this.draw();
    this.at = 0;
    this.backwards = this.been_back = false;
    this.mark();
  }
  place() {  // rows by depth, side by side as they come
    const depth = new Map();
    for (const node of this.nodes) {
      const row = Math.max(-1, ...node.inputs.map(id => depth.get(id) ?? -1)) + 1;
      depth.set(node.id, row);
      node.row = row;
    }
    // Parameters and other leaves stand just above what first uses them.
    for (const node of this.nodes) {
      const users = this.nodes.filter(other => other.inputs.includes(node.id));
      if (!node.inputs.length && users.length) node.row = Math.max(0, Math.min(...users.map(u => u.row)) - 1);
    }
    const taken = [];
    for (const node of this.nodes) node.column = taken[node.row] = (taken[node.row] ?? -1) + 1;
    this.columns = Math.max(...taken.filter(n => n !== undefined)) + 1;
    this.rows = taken.length;
  }
  draw() {
    const W = this.columns * (kWide + kGapX) + kGapX, H = this.rows * (kHigh + kGapY) + kGapY;
    const picture = svg('svg', {width: W, height: H, viewBox: `0 0 ${W} ${H}`});
    const middle = node => {  // each row in the middle
      const count = this.nodes.filter(other => other.row === node.row).length;
      const left = (W - count * (kWide + kGapX) + kGapX) / 2;
      return [left + node.column * (kWide + kGapX) + kWide / 2, kGapY + node.row * (kHigh + kGapY) + kHigh / 2];
    };
    const place = new Map(this.nodes.map(node => [node.id, middle(node)]));
    this.edges = [];
    for (const node of this.nodes)
      for (const input of node.inputs) {
        if (!place.has(input)) continue;
        const [x0, y0] = place.get(input), [x1, y1] = place.get(node.id);
        const bend = (y1 - y0) / 2, edge = svg('path', {
          d: `M${x0} ${y0 + kHigh / 2} C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1 - kHigh / 2}`});
        picture.append(edge);
        this.edges.push({edge, from: input, to: node.id});
      }
    this.boxes.clear();
    this.nodes.forEach((node, i) => {
      const [x, y] = place.get(node.id), box = svg('g', {transform: `translate(${x - kWide / 2} ${y - kHigh / 2})`});
      box.append(svg('rect', {width: kWide, height: kHigh, rx: 5}),
                 svg('text', {x: kWide / 2, y: 14, 'text-anchor': 'middle'}, (node.parameter ?? node.name).slice(-20)),
                 svg('text', {x: kWide / 2, y: 28, 'text-anchor': 'middle', opacity: .7}, `(${node.shape.join(', ')})`));
      box.onclick = () => { this.at = i; this.mark(); };
      picture.append(box);
      this.boxes.set(node.id, box);
    });
    this.$('graph').replaceChildren(picture);
  }
  move(by) {
    if (!this.nodes.length) return;
    const last = this.nodes.length - 1;
    this.backwards = by < 0;
    // Gradients begin at the loss, so the first step backwards goes there.
    this.at = this.backwards && !this.been_back ? last : Math.min(last, Math.max(0, this.at + by));
    this.been_back ||= this.backwards;
    this.mark();
  }
  mark() {
    const {nodes, at, $} = this, here = nodes[at];
    nodes.forEach((node, i) => this.boxes.get(node.id).setAttribute('class',
      [node.parameter ? 'parameter' : '', i === at ? 'here' : '',
       (this.backwards ? i > at && node.gradient : i < at) ? 'reached' : ''].join(' ').trim()));
    for (const {edge, from, to} of this.edges)
      edge.setAttribute('class', to === here.id || from === here.id ? 'used' : '');
    $('tape-at').textContent = `entry ${at + 1} of ${nodes.length}, ${this.backwards ? 'backwards' : 'forwards'}`;
    const term = (name, text) => [Object.assign(document.createElement('dt'), {textContent: name}),
                                  Object.assign(document.createElement('dd'), {textContent: text})];
    const name_of = id => { const node = nodes.find(n => n.id === id); return node ? node.parameter ?? node.name : `#${id}`; };
    const list = document.createElement('dl');
    list.append(...term('what', here.parameter ? `${here.name}: ${here.parameter}` : here.name),
                ...term('made of', here.inputs.map(name_of).join(', ') || 'nothing: it is given'),
                ...term('shape', `(${here.shape.join(', ')})`),
                ...term('first values', numbers(here.value, here.shape)),
                ...term('first gradients', numbers(here.gradient, here.shape)));
    $('entry').replaceChildren(list);
    const box = this.boxes.get(here.id).getBoundingClientRect(), frame = $('graph').getBoundingClientRect();
    $('graph').scrollBy(box.x + box.width / 2 - frame.x - frame.width / 2, box.y + box.height / 2 - frame.y - frame.height / 2);
  }
}
