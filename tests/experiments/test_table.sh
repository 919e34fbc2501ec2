#!/usr/bin/env bash
# A user's own table from end to end: fit, score, sample, report, info; and what can go wrong on the
# way: two fits in one directory, a closed pipe, a full disk, Ctrl-C, files that are no tables.
#
#   tests/experiments/test_table.sh DIR     DIR holds the program gradflow, e.g. build/release/experiments
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:?usage: test_table.sh DIRECTORY_OF_THE_PROGRAM}" && pwd) || exit 2
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
scratch_directory
gradflow=$programs/gradflow

refused() {  # refused WHAT TEXT: it must have failed with 1, in one line that says TEXT
  check "$1: the code is 1, not $status" [ "$status" -eq 1 ]
  check "$1: one line" one_line stderr
  check "$1: it says '$2'" says "$2"
}
hash_of() { sed -n 's/.*beside it; weights \([0-9a-f]*\)$/\1/p' "$1"; }

# A parabola in other units than 1, with a class for each side.
awk 'BEGIN {
  srand(7); print "time [s],\"b, of c\",side"
  for (i = 0; i < 1500; ++i) {
    u = sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand())
    printf "%.6g,%.6g,%d\n", 1000 + 50 * u, u * u + 0.2 * rand(), (u > 0 ? 2 : 5)
  }
}' > bow.csv
cut -d, -f1,2,3 bow.csv | sed '1s/.*/a,b,side/' > plain.csv

# --- the five verbs -------------------------------------------------------------------------------

run "$gradflow" fit plain.csv --except side --model maf --epochs 3 --layers 2 --units 16 --out plain
check "fit: it ends well" [ "$status" -eq 0 ]
hash=$(hash_of stdout)
check "fit: it says the hash" [ -n "$hash" ]
for file in model.safetensors fit.json report.html; do check "fit: $file is there" [ -s "plain/$file" ]; done
check "fit.json: the hash" grep -q "\"hash\": \"$hash\"" plain/fit.json
for key in rows columns model log_prob_test se baselines gaussian mixture kde seconds; do
  check "fit.json: $key" grep -q "\"$key\": " plain/fit.json
done
check "page: its figures are inside" [ "$(grep -c 'data:image/png;base64' plain/report.html)" -eq 4 ]
check "page: nothing from elsewhere" [ "$(grep -cE '(src|href)="(http|/)' plain/report.html)" -eq 0 ]
check "page: no drawings are left" [ -z "$(find plain -name '*.tmp')" ]

run "$gradflow" fit plain.csv --except side --model maf --epochs 3 --layers 2 --units 16 --out again --no-page --threads 1
check "fit: the same bits again, on one thread" [ "$(hash_of stdout)" = "$hash" ]
check "fit: no page" [ ! -e again/report.html ]
cp stdout again.log
run "$gradflow" fit - --except side --model maf --epochs 3 --layers 2 --units 16 --out piped --no-page < plain.csv
run sh -c "gzip -c plain.csv | '$gradflow' fit - --except side --model maf --epochs 3 --layers 2 --units 16 --out piped --no-page"
check "fit: the same bits from a pipe, compressed" [ "$(hash_of stdout)" = "$hash" ]

check "fit: what the flow gains over the mixture, with its error" \
  grep -qE '^kept: maf, [0-9.]+ ± [0-9.]+ nats a row (better|WORSE) than (mixture|gaussian), on the validation rows' again.log
run "$gradflow" fit --model gaussian --columns a,b --out listed --no-page plain.csv
check "fit: a list of columns may stand before the table" [ "$status" -eq 0 ]
run "$gradflow" fit --help
check "fit --help: how it is called" says "Usage: gradflow fit" stdout

run "$gradflow" info plain
check "info: the kind" says "model      maf" stdout
check "info: the hash" says "$hash" stdout

run "$gradflow" score plain plain.csv
check "score: it ends well" [ "$status" -eq 0 ]
cp stdout scores.csv
cp stdout scores.twice
cut -d, -f4 stdout > just_log_p
check "score: a row for each" [ "$(wc -l < scores.csv)" -eq 1501 ]
check "score: the header" [ "$(head -n 1 scores.csv)" = a,b,side,log_prob,rank ]
check "score: the columns as they were" cmp -s <(cut -d, -f1-3 scores.csv) plain.csv
check "score: mean, sum and bits" grep -qE '^1500 rows: mean log p -?[0-9.]+ ± [0-9.]+ nats a row, sum -?[0-9.]+, [0-9.]+ bits' stderr
check "score: the mean is that of the column" awk -F, -v said="$(sed -n 's/.*mean log p \([-0-9.]*\).*/\1/p' stderr)" \
  'NR > 1 { sum += $4 } END { d = sum / (NR - 1) - said; exit !(d < 2e-4 && d > -2e-4) }' scores.csv
run "$gradflow" score plain/model.safetensors plain.csv --top 20 --out top.csv
check "score --top: 20 rows" [ "$(wc -l < top.csv)" -eq 21 ]
check "score --top: the least likely" cmp -s <(cut -d, -f4 top.csv | tail -n +2) \
  <(tail -n +2 scores.csv | cut -d, -f4 | LC_ALL=C sort -g | head -n 20)

python=$(for p in /usr/bin/python3 python3; do "$p" -c 'import numpy' 2> /dev/null && echo "$p" && break; done)
if [ -n "$python" ]; then
  run "$python" "$here/../../experiments/table/log_prob.py" plain/model.safetensors plain.csv
  paste -d, stdout <(tail -n +2 scores.csv | cut -d, -f4) > both
  check "numpy alone computes the same log p" awk -F, '{ d = $1 - $2; if (d > 1e-3 || d < -1e-3) bad = 1 } END { exit bad || NR != 1500 }' both
else
  echo "no numpy: its script was not tried"
fi

run "$gradflow" sample plain -n 100
check "sample: 100 rows" [ "$(wc -l < stdout)" -eq 101 ]
check "sample: in the units of the table" awk -F, 'NR > 1 { sum += $1 } END { m = sum / 100; exit !(m > 950 && m < 1050) }' stdout
cp stdout samples.csv
run "$gradflow" sample plain -n 100
check "sample: the same again" cmp -s stdout samples.csv
run "$gradflow" sample plain -n 100 --seed 1
check "sample: others for another seed" [ "$(cmp -s stdout samples.csv; echo $?)" -eq 1 ]
run "$gradflow" score plain samples.csv
check "score: samples can be scored" [ "$status" -eq 0 ]

# --- conditions, names that need quotes -----------------------------------------------------------

run "$gradflow" fit bow.csv --given side --model affine --epochs 40 --layers 4 --units 16
check "fit --given: it ends well" [ "$status" -eq 0 ]
check "fit: the directory is named after the data" [ -s bow.fit/model.safetensors ]
run "$gradflow" sample bow.fit -n 200 --given side=5
check "sample: names that need quotes have them" [ "$(head -n 1 stdout)" = '"time [s]","b, of c",side' ]
check "sample --given: nearly all on that side" awk -F, 'NR > 1 { left += $1 < 1000 } END { exit !(left > 180) }' stdout
run "$gradflow" sample bow.fit --given side=3
refused "sample --given: a class that is none" "side = 3 given; it is one of: 2, 5"
run "$gradflow" sample bow.fit
refused "sample without --given" "side is not given; hint: --given side=VALUE, one of: 2, 5"
run "$gradflow" sample plain --given side=5
refused "sample --given without need" "the model's conditions are: none"
run "$gradflow" score bow.fit bow.csv
check "score: quoted names stay quoted" [ "$(head -n 1 stdout)" = '"time [s]","b, of c",side,log_prob,rank' ]
run "$gradflow" score bow.fit plain.csv
refused "score: another table" 'no columns "time [s]", "b, of c"; it has: a, b, side'
run "$gradflow" report bow.fit bow.csv --out page.html
check "report: a page" grep -q "least likely rows" page.html

# --- classes in words, arrays in and out, tables without names --------------------------------------

sed '1s/.*/a,b,side/; s/,2$/,right/; s/,5$/,"far left"/' bow.csv > words.csv
run "$gradflow" fit words.csv --given side --model gaussian --no-page --out words
check "words: it ends well" [ "$status" -eq 0 ]
run "$gradflow" info words
check "words: info names them" grep -qE '^given      side: one of (right, far left|far left, right)$' stdout
run "$gradflow" sample words -n 200 --given "side=far left" --out left.tsv.gz
check "words: samples have them" [ "$(zcat left.tsv.gz | tail -n +2 | cut -f 3 | sort -u)" = '"far left"' ]
check "words: and are of that side" awk '{ left += $1 < 1000 } END { exit !(left > 170) }' <(zcat left.tsv.gz | tail -n +2)
run "$gradflow" score words left.tsv.gz --out scores.csv.gz
check "words: they are scored, compressed as asked" [ "$(zcat scores.csv.gz | wc -l)" -eq 201 ]
run "$gradflow" sample words --given side=up
refused "words: another one" "side = up given; it is one of: "
run "$gradflow" sample words --given side=right --out words.npz
refused "words: none in arrays" 'column "side" holds words'
check "words: nor half a file" [ ! -e words.npz ]
run "$gradflow" report words words.csv --out words.html
check "words: report" [ "$status" -eq 0 ]
check "words: the least likely rows have them" [ "$(grep -cE '<td[^>]*>(right|far left)</td>' words.html)" -eq 10 ]
check "words: the page says how to sample" says "sample model.safetensors -n 1000 --given side=VALUE" words.html
sed 's/right/up/' words.csv > other.csv
run "$gradflow" score words other.csv
refused "words: a row with another one" '"up" is none of: '
run "$gradflow" fit words.csv --no-page --out refused
refused "words without --given" 'is no number (and 1499 more rows); hint: --except side leaves it out, --given side takes it for a class'
check "refused: no directory is left" [ ! -e refused ]

for ending in npy npz safetensors npy.gz; do
  run "$gradflow" sample plain -n 100 --out "samples.$ending"
  check "sample --out samples.$ending" [ "$status" -eq 0 ]
  run "$gradflow" score plain "samples.$ending" --out "scores.$ending"
  check "score --out scores.$ending" [ "$status" -eq 0 ]
  cp stderr "said.$ending"
done
run "$gradflow" score plain samples.csv
for ending in npy npz safetensors npy.gz; do
  check "the same rows, as $ending: the same scores" cmp -s stderr "said.$ending"
done
if [ -n "$python" ]; then
  check "numpy reads them" "$python" -c "
import numpy as np
x, z, s = np.load('samples.npy'), np.load('samples.npz'), np.load('scores.npz')
text = np.loadtxt('samples.csv', delimiter=',', skiprows=1)
assert x.shape == (100, 2) and z.files == ['a', 'b'] and s.files == ['a', 'b', 'log_prob', 'rank']
assert np.allclose(x, text, rtol=1e-6) and (z['b'] == x[:, 1]).all() and (s['a'] == z['a']).all()
assert (np.load('scores.npy')[:, 2] == s['log_prob']).all()"
fi
tail -n +2 plain.csv | cut -d, -f1,2 > nameless.csv
run "$gradflow" score plain nameless.csv
check "a table without names: its columns in their order" cmp -s <(tail -n +2 stdout | cut -d, -f3) <(tail -n +2 just_log_p)
run "$gradflow" score plain <(paste -d, <(cut -d, -f2 plain.csv) <(cut -d, -f1 plain.csv))
check "columns in another order: by name" cmp -s <(tail -n +2 stdout | cut -d, -f3) <(tail -n +2 just_log_p)
run "$gradflow" score plain scores.twice
check "scored twice: another name" [ "$(head -n 1 stdout)" = a,b,side,log_prob,rank,log_prob_2,rank_2 ]

# --- what can go wrong ----------------------------------------------------------------------------

run "$gradflow" fit plain.csv --except side --out plain
refused "a second fit into a directory" "there is a model already; hint: --resume"
check "a second fit into a directory: the first is as it was" grep -q "\"hash\": \"$hash\"" plain/fit.json

"$gradflow" fit plain.csv --except side --model maf --epochs 100000 --patience 100000 --out busy > busy.log 2>&1 &
first=$!
for _ in $(seq 300); do [ -e busy/checkpoints/maf.checkpoint.safetensors ] && break; sleep 0.1; done
run "$gradflow" fit plain.csv --except side --model gaussian --out busy
refused "two fits at once" "another fit is writing there"
kill -INT "$first"
wait "$first"
check "Ctrl-C: the code is 130" [ $? -eq 130 ]
check "Ctrl-C: the best so far is saved" [ -s busy/model.safetensors ]
check "Ctrl-C: and what is said tells how to go on" says "--resume" busy.log
run "$gradflow" info busy
check "Ctrl-C: the model says so" says "stopped before its end" stdout
run "$gradflow" fit plain.csv --except side --model maf --epochs 100000 --patience 1 --out busy --resume --no-page
check "it goes on" [ "$status" -eq 0 ]

run sh -c "'$gradflow' sample plain -n 1000000 | head -n 3 > few"
check "a closed pipe: what was read is right" [ "$(wc -l < few)" -eq 3 ]
run sh -c "'$gradflow' score plain plain.csv > /dev/full"
refused "a full disk, standard output" "No space left on device"
run "$gradflow" score plain plain.csv --out /dev/full
check "a full disk, a file: the code is not 0" [ "$status" -ne 0 ]
check "a device is still one" [ -c /dev/full ]
if [ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=64k tmpfs full 2> /dev/null; then
  run "$gradflow" sample plain -n 100000 --out full/samples.npz
  check "a full disk: it is said" says "full/samples.npz: cannot write all of it: No space left"
  run "$gradflow" fit plain.csv --except side --model maf --epochs 2 --out full/fit
  check "a full disk, fit: the code is not 0" [ "$status" -ne 0 ]
  check "a full disk, fit: one line" [ "$(grep -c '^gradflow: ' stderr)" -eq 1 ]
  check "a full disk: no half file is left" [ -z "$(find full -name '*.tmp' -o -name '*.npz')" ]
  umount full
fi
run "$gradflow" score plain plain.csv --out /no/such/directory/scores.csv
refused "no such directory" "/no/such/directory/scores.csv"
run "$gradflow" fit plain.csv --except side --model gaussian --out plain.csv
refused "--out is a file" "plain.csv: cannot be made"

awk 'BEGIN { print "a,b"; for (i = 1; i < 30; ++i) print i "," (i == 2 ? "" : i * i) }' > missing.csv
run "$gradflow" fit missing.csv
refused "a missing number" 'row 2 (line 3), column "b": it is missing; hint: --missing drop'
head -n 3 missing.csv > few.csv
run "$gradflow" fit few.csv --missing drop
refused "few rows" "1 rows given; 2 columns need at least 20 (1 were dropped)"
run "$gradflow" fit /no/such.csv
refused "no file" "/no/such.csv: No such file"
run "$gradflow" fit plain.csv --columns a,side,c
refused "no column" 'no column "c"; it has: a, b, side'
awk 'NR == 1 { print $0 ",k" } NR > 1 { print $0 ",7" }' plain.csv > constant.csv
run "$gradflow" fit constant.csv --except side
refused "a constant column" 'column "k" is constant, 7'
awk -F, 'NR == 1 { print "day," $0 ",k,n,n" }
  NR > 1 { print "d" NR "," (NR == 5 || NR == 9 ? "" : $1) "," $2 "," $3 ",7,1,2" }' plain.csv > faults.csv
run "$gradflow" fit faults.csv --out faults
check "all faults at once: the code is 1, not $status" [ "$status" -eq 1 ]
check "all faults at once: their number" says "gradflow: fit: faults.csv: 4 things are wrong:"
check "all faults at once: no directory is left" [ ! -e faults ]
# shellcheck disable=SC2046  # the options are words
run "$gradflow" fit faults.csv $(sed -n 's/.*these do together: //p' stderr) --model gaussian --no-page --out faults
check "all faults at once: the options that it tells mend all" [ "$status" -eq 0 ]
check "all faults at once: what is left" says "faults.csv: 1498 rows of a, b, side; 2 more were dropped" stdout
run "$gradflow" score plain faults.csv --missing drop
check "score: faults of other columns do not matter" [ "$(wc -l < stdout)" -eq 1499 ]
printf 'a,c\nx,1\n2,\ny,3\n' > lacking.csv
for verb in score report; do
  run "$gradflow" "$verb" plain lacking.csv --out lacking.out
  check "$verb: all that is lacking at once: the code is 1, not $status" [ "$status" -eq 1 ]
  check "$verb: a column that is not there" says "no column \"b\"; it has: a, c"
  check "$verb: words, counted" says 'row 1 (line 2), column "a": "x" is no number (and 1 more row)'
  check "$verb: no option that it has not" [ "$(grep -c -e --except stderr)" -eq 0 ]
  check "$verb: nothing is written" [ ! -e lacking.out ]
done
printf 'time [s],"b, of c",side,note\n' > names.csv
tail -n +2 bow.csv | sed 's/$/,x/' >> names.csv
run "$gradflow" fit names.csv --except 'note,"b, of c"' --given side --model gaussian --no-page --out "two words"
check "a name with a comma, in quotes" says "1500 rows of time [s], side" stdout
run "$gradflow" info "two words"
check "a directory with a blank" [ "$status" -eq 0 ]

# MODEL and DATA
mkdir hollow
printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR' > picture.png
: > void
for other in plain.csv samples.npy samples.npz picture.png; do
  run "$gradflow" info "$other"
  refused "info $other" "load: $other: it is no model; gradflow fit makes one"
  run "$gradflow" sample "$other"
  refused "sample $other" "load: $other: it is no model"
  for verb in score report; do
    run "$gradflow" "$verb" "$other" plain
    refused "$verb, swapped: $other" "load: $other: it is no model; gradflow fit makes one; hint: plain is one: MODEL comes first"
    run "$gradflow" "$verb" "$other" plain.csv
    refused "$verb, two tables: $other" "load: $other: it is no model"
    check "$verb, two tables: $other: no wrong hint" [ "$(grep -c "comes first" stderr)" -eq 0 ]
  done
done
run "$gradflow" score samples.safetensors plain
refused "swapped: a table as safetensors" "hint: plain is one: MODEL comes first"
run "$gradflow" info void
refused "an empty file" "void: it is empty"
run "$gradflow" info hollow
refused "a directory without a model" "hollow: no model is in this directory; hint: gradflow fit DATA --out hollow"
run "$gradflow" info nowhere
refused "no such model" "nowhere: not there"
run "$gradflow" fit plain/model.safetensors --out refused
refused "a model as a table" 'it is no table, but a "gradflow table model 1"'
run "$gradflow" score plain plain/model.safetensors
refused "score: two models" 'it is no table, but a "gradflow table model 1"'
mkdir -p torn/checkpoints
cp plain.csv torn/checkpoints/maf.checkpoint.safetensors
run "$gradflow" fit plain.csv --except side --model maf --epochs 3 --out torn --resume
refused "--resume with a table for a checkpoint" "torn/checkpoints/maf.checkpoint.safetensors: "
run "$gradflow" score missing.csv plain.csv
refused "no model" "missing.csv"
sed 's/"grid":"\[0.0,0.0\]"/"grid":"[0.0,0.5]"/' plain/model.safetensors > changed.safetensors
run "$gradflow" score changed.safetensors plain.csv
refused "a model with another number" "not those that were saved"
head -c 500 plain/model.safetensors > cut.safetensors
run "$gradflow" info cut.safetensors
refused "half a model" "cut.safetensors"

while IFS='|' read -r arguments; do
  # shellcheck disable=SC2086  # several arguments
  run "$gradflow" $arguments
  check "gradflow $arguments: the code is 2, not $status" [ "$status" -eq 2 ]
  check "gradflow $arguments: says it short" [ "$(wc -l < stderr)" -le 2 ]
done << 'END'

fit
fly
fit plain.csv --model best
fit plain.csv --time soon
fit plain.csv --time -5m
fit plain.csv --epochs -1
fit plain.csv --test 2
fit plain.csv --missing maybe
score plain plain.csv --top 0
sample plain -n -5
sample plain -n many
END
run "$gradflow" fti plain.csv
check "a slip in a verb: what was meant" says 'there is no verb "fti"; hint: gradflow fit'
run "$gradflow" fti --help
check "a slip in a verb, --help: the code is 2, not $status" [ "$status" -eq 2 ]
run "$gradflow" fit plain.csv --colums a
check "a slip in an option: what was meant" says "hint: --columns"
run "$gradflow" help fly
check "help with what is no verb: the code is 2, not $status" [ "$status" -eq 2 ]
check "help with what is no verb: which there are" says "one of: fit, score, sample, report, info"
run "$gradflow" --help
cp stdout about
run "$gradflow" help
check "help" cmp -s stdout about
run "$gradflow" score --help
cp stdout about
run "$gradflow" help score
check "help score" cmp -s stdout about
for verb in '' fit score sample report info; do
  # shellcheck disable=SC2086  # none, or one
  run "$gradflow" $verb --help
  check "gradflow $verb --help" [ "$status" -eq 0 ]
done
finish
