// A square grid that a model carries from noise to data.
//
// The one idea: where a model tears neighbours apart, straight pieces between them would hide it. So
// a line begins with few points, and gets more of them wherever two neighbours have come to lie far
// apart: the corners of a fold are round then, and a thread is drawn along its length.

const kGap = .11;       // no two neighbours that are further apart, in the panel's units,
const kRounds = 4;      // unless so many halvings have not sufficed
const kAtOnce = 180;  // points in one question

// `lines` each way, from -reach to reach. A line: where the points with the shares u along it lie, its
// shares, and a path of each: (K+1, 2) flat, of the states from noise to data.
export function square_grid(lines, along, reach) {
  const at = i => (i / (lines - 1) * 2 - 1) * reach;
  const shares = () => Array.from({length: along}, (_, j) => j / (along - 1));
  return [0, 1].flatMap(across => Array.from({length: lines}, (_, i) => ({
    place: u => { const v = (2 * u - 1) * reach; return across ? [at(i), v] : [v, at(i)]; },
    shares: shares(), paths: []})));
}

// carry(points) -> {states, K}: asked in small parts. A path of each; nothing, if `go_on()` said no.
async function carry_all(lines, wanted, carry, go_on = () => true) {
  const places = wanted.flatMap(([line, u]) => lines[line].place(u)), paths = [];
  for (let i = 0; i < wanted.length; i += kAtOnce) {
    if (!go_on()) return undefined;
    const {states, K} = await carry(Float32Array.from(places.slice(2 * i, 2 * (i + kAtOnce))));
    const n = states.length / 2 / (K + 1);
    for (let k = 0; k < n; ++k)
      paths.push(Float32Array.from({length: 2 * (K + 1)}, (_, s) => states[2 * (n * (s >> 1) + k) + s % 2]));
  }
  return paths;
}

export async function warp(lines, carry) {
  const wanted = lines.flatMap(({shares}, line) => shares.map(u => [line, u]));
  const paths = await carry_all(lines, wanted, carry);
  for (const line of lines) line.paths = paths.splice(0, line.shares.length);
  return lines;
}

const end_gap = (a, b) => Math.hypot(a.at(-2) - b.at(-2), a.at(-1) - b.at(-1));

// Points between neighbours that are far apart, as long as go_on().
export async function refine(lines, carry, go_on) {
  for (let round = 0; round < kRounds; ++round) {
    const wanted = lines.flatMap(({shares, paths}, line) => shares.slice(1).flatMap((u, i) =>
      end_gap(paths[i], paths[i + 1]) > kGap ? [[line, (shares[i] + u) / 2]] : []));
    const paths = await carry_all(lines, wanted, carry, go_on);
    if (!paths) return;
    wanted.forEach(([line, u], k) => {
      const {shares, paths: own} = lines[line], at = shares.findIndex(share => share > u);
      shares.splice(at, 0, u);
      own.splice(at, 0, paths[k]);
    });
    if (wanted.length === 0) return;
  }
}

// The lines at state `place`, which may lie between two.
export const lines_at = (lines, place) => lines.map(({paths}) => paths.flatMap(path => {
  const k = Math.min(path.length / 2 - 2, Math.floor(place)), share = place - k;
  return [0, 1].map(i => (1 - share) * path[2 * k + i] + share * path[2 * k + 2 + i]);
}));
