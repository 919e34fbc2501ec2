#!/usr/bin/env bash
# The steps of the ladder (experiments/ladder), run one after another: what each prints must be true.
# What can be known is worked out here again, by other formulas than the programs'.
#
#   tests/experiments/test_ladder.sh DIR     DIR holds the programs, e.g. build/release/experiments/ladder
#
# No `set -e`: each check says what it found; all are done.
# shellcheck disable=SC2016  # dollars in single quotes are awk's
set -uo pipefail

programs=$(cd "${1:?usage: test_ladder.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd)
sources=$(cd "$(dirname "$0")/../../experiments/ladder" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
limit=600  # seconds; some of these programs train
scratch_directory
errors="stdout stderr" shown=30

# holds WHAT N CONDITION PATTERN: an awk condition holds in all lines of stdout that match the
# pattern, and there are N of these. In conditions `seen` counts these lines, from 1, last[k] is field
# k of the one before, and there are the functions below.
functions='
  function abs(x) { return x < 0 ? -x : x }
  function near(x, y, error) { return abs(x - y) <= error }'
holds() {
  check "$step: $1" awk -v n="$2" \
    "$functions $4 { seen++; if (!($3)) bad = 1; for (k = 1; k <= NF; k++) last[k] = \$k }
                        END { exit bad || seen != n }" stdout
}


run_step() {
  step=$1
  "$programs/$step" --out out > stdout 2> stderr < /dev/null
  check "$step succeeds" [ $? -eq 0 ]
  check "$step says nothing on stderr" [ ! -s stderr ]
  check "$step draws" is_png "out/$step.png"
  check "$step.cpp has less than 80 lines" [ "$(wc -l < "$sources/$step.cpp")" -lt 80 ]
}

number='/^ *-?[0-9.]+ /'  # a line of a table

run_step step1_derivative  # x, f, f' by tape, by hand, by difference, f'' by tape, by hand
holds "f" 5 'near($2, $1 * exp(-$1 * $1 / 2), 2e-6)' "$number"
holds "f'" 5 'near($3, (1 - $1 * $1) * exp(-$1 * $1 / 2), 2e-6) && near($3, $4, 2e-6)' "$number"
holds "f''" 5 'near($6, ($1 * $1 - 3) * $1 * exp(-$1 * $1 / 2), 2e-6) && near($6, $7, 2e-6)' "$number"
holds "a difference is close and not exact" 5 'near($5, $3, 6e-3) && !near($5, $3, 1e-4)' "$number"

run_step step2_line  # step, slope, intercept, loss
holds "downhill at every line" 4 'seen == 1 || $4 < last[4]' '/^ +[0-9]/'
holds "it begins at the wrong line" 1 '$2 == -0.8 && $3 == 0.9' '/^ +0 /'
# To four standard errors of a hundred points with noise 0.3.
holds "it ends at the line of the data" 1 \
  'near($2, 0.7, 0.104) && near($3, -0.4, 0.12) && near($4, 0.09, 0.051)' '/^ +64 /'
holds "and at that of least squares" 2 \
  'seen == 1 || near($2, last[2], 2e-4) && near($3, last[3], 2e-4)' \
  '/^ +64 |^ +best /'

run_step step3_moons_mlp  # step, loss, accuracy % on seen points, and on new ones
holds "untrained, it guesses" 1 '$2 > 0.6 && $5 < 75' '/^ +0 /'
holds "a few steps find a line" 1 '$5 > 75 && $5 < 95' '/^ +30 /'
holds "in the end it knows moons that it has not seen" 1 '$2 < 0.05 && $5 > 97' '/^ +600 /'

run_step step4_warped_grid  # (x, y), growth, exp(log_det)
holds "areas grow as log_det says" 3 'near($3, $4, 2e-3) && $3 > 0' '/^ *\(/'
holds "growth differs from place to place" 3 'seen == 1 || !near($3, last[3], 0.1)' '/^ *\(/'
holds "it comes back" 1 '$NF < 2e-5 && $NF > 0' '/there and back/'
straight() {  # of the grid's lines after one coupling, how many keep one and the same x
  awk -F, '$1 != 2 { next }
           $5 == "nan" { line++; next }  # between two lines of a series
           { id = $2 " " line
             if (!(id in low) || $5 < low[id]) low[id] = $5
             if (!(id in high) || $5 > high[id]) high[id] = $5 }
           END { for (id in low) n += high[id] - low[id] < 1e-6; print n }' "out/$step.csv"
}
check "$step: one coupling leaves the 21 vertical lines vertical" [ "$(straight)" = 21 ]

run_step step5_normalizing_flow  # step, NLL, % on a moon; the last line is the data's own
holds "the NLL falls" 5 'seen == 1 || $2 < last[2]' '/^ +[0-9]/'
holds "it begins as a Gaussian: 1 + log(2 pi)" 1 'near($2, 2.8379, 1e-3)' '/^ +0 /'
holds "it ends close to the entropy of the data, not below" 2 \
  'seen == 1 || last[2] - $2 > -0.02 && last[2] - $2 < 0.12' '/^ +2000 |^ +data /'
holds "its samples are on the moons" 1 '$3 > 85' '/^ +2000 /'

run_step step6_line_velocity  # t, y, learned, exact
functions+='  # the mean of m + c (y - t m) over both Gaussians, weighed by their densities
  function velocity(y, t,   v, c, k, m, w, sum, all) {
    v = (1 - t) ^ 2 + (0.3 * t) ^ 2; c = (0.09 * t - (1 - t)) / v
    for (k = 0; k < 2; k++) {
      m = k ? 1.5 : -1.5; w = exp(-(y - t * m) ^ 2 / (2 * v)); sum += w * (m + c * (y - t * m)); all += w
    }
    return sum / all
  }'
holds "the exact velocity" 27 'near($4, velocity($2, $1), 2e-3)' "$number"
holds "the learned one is close to it" 1 '$NF < 0.12 && $NF > 0' '/root mean square/'
holds "also place by place, half-way" 7 'near($3, $4, 0.2)' "/^ +0.5 / && abs(\$2) <= 1.5"

run_step step7_moons_flow_matching  # Euler steps, % on a moon, %, std
holds "the loss falls" 2 'seen == 1 || $2 < last[2]' '/^ +500 |^ +4000 /'
holds "one step ends in the middle, not on a moon" 1 '$2 < 5 && $4 < 0.15' '/^ +1 /'
holds "more steps, more samples on the moons" 5 'seen == 1 || $2 > last[2]' \
  '/^ +[0-9]+ .*%/'
holds "a hundred are enough" 1 '$2 > 85 && near($4, 1, 0.06)' '/^ +100 /'

run_step step8_spline  # steps, nats; x, share of the data below, z, share of the bell below
holds "it begins as the bell itself" 1 'near($3, 0.9189 + (1.5 ^ 2 + 0.3 ^ 2) / 2, 0.1)' '/^ +0 steps/'
holds "it ends close to the entropy of the data" 1 'near($3, 0.9189 + 0.5 + log(0.6), 0.12)' \
  '/^ +1000 steps/'
holds "the curve takes shares to the same shares" 7 'near($2, $4, 0.03)' '/^ +-?[0-9][.][0-9] /'

run_step step9_pairing  # crossings, pairs, from straight
holds "optimal pairs hardly cross" 2 'seen == 1 ? $2 > 1000 : $2 < 100' '/pairs of lines cross/'
holds "of all pairs" 2 '$4 == 128 * 127 / 2' '/pairs of lines cross/'
holds "and their paths are straight" 2 'seen == 1 ? $(NF - 2) > 0.4 : $(NF - 2) < 0.03 && $(NF - 2) > 0' \
  '/pairs of lines cross/'

"$programs/step1_derivative" --nonsense > stdout 2> stderr
check "a wrong option: 2" [ $? -eq 2 ]

finish
