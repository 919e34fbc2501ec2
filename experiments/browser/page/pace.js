// How fast a training goes by the clock on the wall, drawing and answers included, and how long it will last.

const kWindow = 5000;  // that the rate is of, in milliseconds

export class Pace {
  constructor() { this.clear(); }
  clear() { this.told = []; }
  add(steps, now) {
    this.told.push([now, steps]);
    while (this.told.length > 2 && now - this.told[0][0] > kWindow) this.told.shift();
  }
  get rate() {  // steps a second; nothing, before half a second has passed
    const [from, to] = [this.told[0], this.told.at(-1)];
    return to && to[0] - from[0] >= 500 ? 1000 * (to[1] - from[1]) / (to[0] - from[0]) : undefined;
  }
  left(steps) { return this.rate > 0 ? duration(steps / this.rate) : undefined; }
}

export const duration = seconds => seconds < 99.5 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
export const in_steps = (n, kind) => `${n} ${kind ? kind + ' ' : ''}step${n === 1 ? '' : 's'}`;
