// Throttled drawing: what is out of date is asked for again, one thing at a time.
//
// The one idea: an event only says *what* is no longer true (`need('samples')`). The worker gets one
// question at a time, what has waited longest first, so that nothing starves; while it trains, the
// answer to an old question never stands in a queue behind twenty others. So the page stays alive
// however slow the machine is. There are three of these: what a drag wants does not wait for what
// takes long, and that not for what only makes a picture finer (main.js).

export class Refresher {
  // jobs: {name: async function that asks and keeps the answer}.
  constructor(jobs, repaint, trouble) {
    Object.assign(this, {jobs, repaint, trouble, due: new Set(), busy: false});
  }
  need(...names) {
    for (const name of names) if (name in this.jobs) this.due.add(name);
    this.run();
  }
  async run() {
    if (this.busy) return;
    this.busy = true;
    while (this.due.size > 0) {
      const [name] = this.due;  // a set keeps the order in which it was filled
      this.due.delete(name);
      try { await this.jobs[name](); } catch (error) { this.trouble(error); }
      this.repaint();
    }
    this.busy = false;
  }
  get idle() { return !this.busy && this.due.size === 0; }
}
