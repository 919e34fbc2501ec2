// Models that other choices have displaced, each with its training: no choice loses anything.
//
// The one idea: a model is known by the choices it was made with. Whoever makes the same choices again
// finds it as it was, and the one displaced last stands beside the present one, to be compared with it.

const kPlaces = 8;  // of each kind; the library keeps each in a place of its own

const common = ['set', 'own', 'by_class', 'batch', 'rate', 'length', 'seed'];
export const made_with = {flow: ['maps', 'couplings', ...common], matching: ['pairing', 'smooth', ...common]};
// Which models a change of these choices makes others of.
export const affected = names => Object.keys(made_with).filter(which => names.some(name => made_with[which].includes(name)));

export const choices_of = (which, state) => Object.fromEntries(made_with[which].map(name => [name, state[name]]));
const same = (a, b) => Object.keys(a).every(name => a[name] === b[name]);

export const named = set => set.replaceAll('_', ' ');  // as a reader reads it

// In a few words, with what is not as it is now.
export function words(which, choices, now) {
  const what = which === 'flow' ? `${choices.maps === 'affine' ? 'affine' : 'splines'}, ${choices.couplings} layers`
    : `${choices.pairing === 'optimal' ? 'optimal-transport' : 'independent'} pairs${choices.smooth ? ', smooth' : ''}`;
  const others = common.filter(name => name !== 'own' && name !== 'length' && choices[name] !== now[name]).map(name =>
    name === 'set' ? named(choices.set) : name === 'by_class' ? (choices.by_class ? 'told classes' : 'not told classes')
      : `${name} ${choices[name]}`);
  return [what, ...others].join(', ');
}

export class Shelf {
  constructor() { this.models = []; }  // the last one was put there last
  // A model: {choices, file, ...}; file: its name, if it was opened. Gives it with its place.
  put(model) {
    const taken = this.models.map(({place}) => place);
    const place = this.models.length < kPlaces ? [...Array(kPlaces).keys()].find(k => !taken.includes(k)) : this.models.shift().place;
    this.models.push({...model, place});
    return this.last;
  }
  take(model) { this.models.splice(this.models.indexOf(model), 1); }
  find(choices) { return this.models.findLast(model => !model.file && same(model.choices, choices)); }
  get last() { return this.models.at(-1); }
  turn() { this.models.unshift(this.models.pop()); }  // to the one before it
}
