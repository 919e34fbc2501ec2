// Three questions, each with a state of the page in which the answer can be seen.
import {initial, to_address} from './state.js';

const rings = {set: 'rings', seed: 1, by_class: 0, t: 1, samples: 1, density: 0, arrows: 0, grid: 0,
               lines: 0, solver: 'euler', steps: 32, batch: 128, length: 6000, rate: 0.001};
// Flow matching wants more of everything before its rings are thin.
const longer = {...rings, which: 'matching', pairing: 'independent', batch: 256, length: 15000, rate: 0.005};

// The name of a control, or of what is told, which leads to it.
const at = (id, text) => `<button type="button" class="link" data-place="${id}">${text}</button>`;

// What has no thin threads is learned sooner, and lost in the same way.
const blobs = {...longer, arrows: 1, set: 'eight_gaussians', batch: 128, length: 4000};

// `quick`: what a link in a card's steps sets instead of its state.
export const cards = [
  {id: 'step', title: 'Why does a larger step lose the rings?', code: 'solver',
   state: {...longer, arrows: 1}, quick: blobs,
   steps: [
     'Let it train until the rings are there, which takes some ten thousand steps, or to its end. At 3 000 they are a blurred outline, of which 3 steps of the solver leave nothing. ' +
     `In a hurry? <a href="${to_address({...initial, ...blobs, card: 'step'})}">Eight blobs</a> are there after 4 000 (press <b>Train</b> if it has stopped), and larger steps lose them, too.`,
     `Move ${at('steps', 'Steps from noise to data')} from 32 down to 8, 3 and 1: fewer steps are larger ones. The points leave the rings and draw together; at 1 they all sit in the middle. ${at('cost', 'What does it cost?')} says how many nats that is, and, below its table, what it means that large steps fold the plane.`,
     'Put 32 again and move the slider of time, at the top, to <b>noise</b>. Look at the arrows: all point to the middle. At the start nothing is known of where a point will end, so the velocity is the mean of all ways. Move it slowly to <b>data</b>: only later do the arrows turn to one ring or another.',
     `So a large first step goes to the middle, and with one step there is no later one. ${at('solver', 'Midpoint')} looks again halfway: with the same number of steps it keeps the rings longer (and asks the network twice a step).`]},
  {id: 'threads', title: 'Why does the affine flow leave threads between the rings?', code: 'affine',
   state: {...rings, which: 'flow', maps: 'affine', density: 1, samples: 0},
   steps: [
     'Let it train, and look at the colours: bright threads and smears join the rings, and cross their holes.',
     `Switch ${at('grid', 'warped grid')} on, and ${at('density', 'density')} off. The noise is a sheet with no hole, and a flow is a rubber map: it stretches the sheet but cannot tear it. The rings have holes, so some of the sheet always lies across them. Where it is stretched thin, that is a thread.`,
     `Switch ${at('density', 'density')} on again and drag the circle across a thread: ${at('place', 'log p')} falls off beside it, but p is nowhere quite 0.`,
     `Now choose ${at('maps', 'splines')} (there are 6 of them then, not 15: each can bend more, and takes longer), and train: the affine flow stays below, as it was, and <b>Back to it</b> exchanges the two. An affine layer can only shift and stretch a whole line; a spline can be steep just between two rings. The threads get thinner, soon too thin to be seen; the circle still finds them.`]},
  {id: 'transport', title: 'What does optimal transport change?', code: 'pairing',
   state: {...longer, batch: 128, length: 4000, lines: 1, steps: 4},
   steps: [
     `The ${at('data', 'data panel')} shows lines from noise to data, as training sees them. They cross everywhere, so at one place the velocity is a mean of many directions. Let it train to its end (the bar says how long that takes) and ask ${at('cost', 'What does it cost?')} with 4 steps of the solver.`,
     `Choose ${at('pairing', 'optimal transport')} under <b>Models</b>: the same points, other partners, and the ${at('data', 'lines')} hardly cross any more. A new model begins; the one before stays below, and <b>Back to it</b> exchanges the two, lines and all.`,
     `Press <b>Train</b>, wait for its end (finding the partners takes time, too), and ask ${at('cost', 'What does it cost?')} again. The table has both numbers: with few steps much less is lost.`,
     'Drag the circle: its path is nearly straight now, and a straight path needs few steps. With many steps, and trained long enough, either pairing gives the rings.']},
];

// `open(card)` puts its state into the page and begins to train.
export function deal(deck, open) {
  for (const card of cards) {
    const article = document.createElement('article');
    article.className = 'card';
    article.dataset.card = card.id;
    article.innerHTML = `<h3>${card.title}</h3><p><button type="button">Set it up and train</button></p>` +
      `<ol>${card.steps.map(step => `<li>${step}</li>`).join('')}</ol>`;
    article.querySelector('button').onclick = () => open(card);
    deck.append(article);
  }
}
export function mark(deck, id) {
  for (const article of deck.children) article.setAttribute('aria-current', article.dataset.card === id);
}

// The card that is open, a step at a time beside the panels.
export class Guide {
  constructor($) {
    this.$ = $;
    this.card = undefined;
    $('guide-on').onclick = () => this.go(1);
    $('guide-back').onclick = () => this.go(-1);
  }
  show(id) {  // that card; nothing for no card
    const card = cards.find(card => card.id === id);
    if (card !== this.card) this.at = 0;
    this.card = card;
    this.$('guide').hidden = !card;
    if (card) this.go(0);
  }
  go(by) {
    const {$, card} = this, last = card.steps.length - 1;
    this.at = Math.min(last, Math.max(0, this.at + by));
    $('guide-title').textContent = card.title;
    $('guide-step').innerHTML = card.steps[this.at];
    $('guide-at').textContent = `${this.at + 1} of ${last + 1}`;
    $('guide-back').disabled = this.at === 0;
    $('guide-on').disabled = this.at === last;
  }
}
