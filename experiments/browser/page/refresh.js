// Throttled drawing: what is out of date is asked for again, one thing at a time.
//
// The one idea: an event only says *what* is no longer true (`need('samples')`). The worker gets one
// question at a time, the most urgent first; while it trains, the answer to an old question never
// stands in a queue behind twenty others. So the page stays alive however slow the machine is.

export class Refresher {
  // jobs: {name: async function that asks and keeps the answer}, the most urgent first.
  constructor(jobs, paint, trouble) {
    Object.assign(this, {jobs, paint, trouble, due: new Set(), busy: false, frame: 0});
  }
  need(...names) {
    for (const name of names) this.due.add(name);
    this.run();
  }
  async run() {
    if (this.busy) return;
    this.busy = true;
    for (let name; (name = Object.keys(this.jobs).find(job => this.due.has(job)));) {
      this.due.delete(name);
      try { await this.jobs[name](); } catch (error) { this.trouble(error); }
      this.repaint();
    }
    this.busy = false;
  }
  repaint() {  // once a frame at most
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.paint(); });
  }
  get idle() { return !this.busy && this.due.size === 0 && this.frame === 0; }
}
