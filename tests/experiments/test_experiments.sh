#!/usr/bin/env bash
# The experiments from end to end, as a user runs them: what they write, that a run is a function of
# its options alone (whatever the threads, however it was stopped), and what they say when something
# is wrong.
#
#   tests/experiments/test_experiments.sh DIR     DIR holds the programs, e.g. build/release/experiments
#
# No `set -e`: programs are expected to fail here. Each check says what it found; all are done.
set -uo pipefail

programs=$(cd "${1:?usage: test_experiments.sh DIRECTORY_OF_THE_PROGRAMS}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
limit=600  # seconds; some of these programs train
scratch_directory

hash_in() { sed -n 's/.*"weights_hash": "\([0-9a-f]*\)".*/\1/p' "$1/report.json"; }
same_hash() { [ -n "$(hash_in "$1")" ] && [ "$(hash_in "$1")" = "$(hash_in "$2")" ]; }
no_leftovers() { [ -z "$(find "$1" -name '*.tmp*' -o -name '*.part*')" ]; }

wait_for() {  # wait_for FILE PID: until the file is there, while the process lives; 30 s at most
  for _ in $(seq 600); do
    [ -e "$1" ] && return 0
    kill -0 "$2" 2> /dev/null || return 1
    sleep 0.05
  done
  return 1
}

small=(--points 2000 --epochs 2)
nf=$programs/normalizing_flow fm=$programs/flow_matching

# --- what they write -------------------------------------------------------------------------------

declare -A figures=(
  [normalizing_flow]="fig01_nf_validation_loss fig02_nf_samples fig03_nf_layers
    fig04_nf_trajectories fig05_nf_inverse_trajectories"
  [flow_matching]="fig06_fm_loss fig07_fm_samples_over_time fig08_fm_trajectories
    fig09_fm_step_size fig10a_fm_inverse_trajectories fig10b_fm_round_trip"
  [conditional_flow_matching]="fig11_cfm_data fig12_cfm_trajectories fig13_cfm_samples_over_time"
  [spline_flow]="extra_spline_density extra_spline_loss"
  [conditional_spline_flow]="extra_spline_classes")
declare -A keys=(
  [normalizing_flow]="validation_nll log_det log_prior on_ring within_0.05 points log_prob"
  [flow_matching]="euler euler_right points round_trips round_trip_error"
  [conditional_flow_matching]="own_ring black blue green red yellow"
  [spline_flow]="validation_nll on_ring points log_prob exact_log_prob"
  [conditional_spline_flow]="validation_nll own_ring black blue green red yellow")

for name in normalizing_flow flow_matching conditional_flow_matching spline_flow \
    conditional_spline_flow; do
  run "$programs/$name" "${small[@]}" --threads 2 --out all
  check "$name succeeds" [ "$status" -eq 0 ]
  check "$name says nothing on stderr" [ ! -s stderr ]
  for figure in ${figures[$name]}; do
    check "$figure.png is a picture" is_png "all/$figure.png"
    check "$figure.csv has content" [ -s "all/$figure.csv" ]
  done
  check "$name.safetensors has content" [ -s "all/$name.safetensors" ]
  check "${name}_log.csv has a header and two epochs" [ "$(wc -l < "all/${name}_log.csv")" -eq 3 ]
  for key in "$name" parameters loss train_seconds steps_per_second seed weights_hash options \
      ${keys[$name]}; do
    check "$name: report.json has $key" grep -q "\"$key\":" all/report.json
  done
done
check "report.json holds all five" [ "$(grep -c '"weights_hash"' all/report.json)" -eq 5 ]
check "nothing half-written is left" no_leftovers all

run "$programs/explain" --quick --out all
check "explain succeeds" [ "$status" -eq 0 ]
check "explain says nothing on stderr" [ ! -s stderr ]
for figure in extra_nf_grid extra_fm_velocity extra_density extra_fm_lines_and_paths extra_losses; do
  check "$figure.png is a picture" is_png "all/$figure.png"
  check "$figure.csv has content" [ -s "all/$figure.csv" ]
done
check "extra_animation.gif is an animation" [ "$(head -c 6 all/extra_animation.gif)" = GIF89a ]
check "its data is kept, its frames are not" [ -s all/extra_animation.csv -a ! -e all/extra_animation_frames ]
check "report.json has the densities" grep -q '"kl":' all/report.json
check "no map costs less than the best one" awk '/"cost":/ { cost = $2 + 0 }
  /"least":/ { n++; if ($2 + 0 <= 0 || cost < 0.9999 * $2) bad = 1 } END { exit bad || n != 2 }' all/report.json
check "nothing half-written is left by explain" no_leftovers all

run "$programs/report" --out all
check "report succeeds" [ "$status" -eq 0 ]
check "report.html has content" grep -q '<html' all/report.html
check "report.html shows figure 13" grep -q 'fig13\|Figure 13\|data:image/png' all/report.html
check "report.html shows the animation" grep -q 'data:image/gif' all/report.html
check "report.html has what a step costs in nats" grep -q 'scope="col">Nats' all/report.html
check "report.html compares the costs of the maps" grep -q 'transport-table' all/report.html
check "report.html shows the splines' table" grep -q 'spline-table' all/report.html
check "report.html links to no laboratory that is not there" [ -z "$(grep -o 'gradflow.html' all/report.html)" ]
echo '<html>' > all/gradflow.html
run "$programs/report" --out all
check "report.html links to the laboratory" grep -q 'href="gradflow.html"' all/report.html
check "report.html is complete" [ -z "$(grep -o 'This page is not complete' all/report.html)" ]

# --- the same bits, whatever the threads -----------------------------------------------------------

# Each is told not to draw, by a PATH without gnuplot: that is tested below, and saves the time.
no_gnuplot=$scratch/no_gnuplot
mkdir "$no_gnuplot"
train() { PATH=$no_gnuplot run "$@"; }

for name in normalizing_flow flow_matching conditional_flow_matching; do
  for threads in 1 2; do
    train "$programs/$name" "${small[@]}" --threads $threads --out "$name.$threads"
  done
  check "$name: the same weights with one thread and with two" same_hash "$name.1" "$name.2"
done
train "$nf" "${small[@]}" --seed 1 --out other_seed
check "another seed, other weights" [ "$(hash_in other_seed)" != "$(hash_in normalizing_flow.1)" ]

# --- killed, stopped, resumed ----------------------------------------------------------------------

larger=(--points 20000 --epochs 20 --threads 2)
train "$fm" "${larger[@]}" --out whole

PATH=$no_gnuplot "$fm" "${larger[@]}" --out killed > killed.txt 2>&1 < /dev/null &
pid=$!
check "a checkpoint is saved after the first epoch" \
  wait_for killed/flow_matching.checkpoint.safetensors $pid
kill -KILL $pid
wait $pid 2> /dev/null
check "it was killed before its end" [ ! -e killed/flow_matching.safetensors ]
train "$fm" "${larger[@]}" --out killed --resume
check "a killed run goes on to the same weights" same_hash killed whole

PATH=$no_gnuplot "$fm" "${larger[@]}" --out stopped > stopped.txt 2>&1 < /dev/null &
pid=$!
wait_for stopped/flow_matching.checkpoint.safetensors $pid
kill -INT $pid
wait $pid
check "Ctrl-C ends with 130" [ $? -eq 130 ]
check "and says how to go on" grep -q -- "--out stopped --resume" stopped.txt
check "it was stopped before its end" [ ! -e stopped/flow_matching.safetensors ]
train "$fm" --points 20000 --epochs 20 --batch 64 --out stopped --resume
check "other options are refused" [ "$status" -eq 1 ]
check "in one line that says which" grep -q "batch 128, this run has 64" stderr
train "$fm" "${larger[@]}" --out stopped --resume
check "a stopped run goes on to the same weights" same_hash stopped whole

# A finished run goes on for longer, by the cosine of the longer one; what is refused says why.
train "$fm" "${small[@]}" --out longer
train "$fm" --points 2000 --epochs 4 --out longer --resume
check "a run goes on for longer" grep -q "^flow_matching: epoch  4/4" stdout
check "and says what that means" \
  grep -q "made for 2 epochs, goes on for 4 in all: from epoch 3 on .* not that of 4 from the start" stdout
check "its log has all epochs" [ "$(wc -l < longer/flow_matching_log.csv)" -eq 5 ]
check "report.json tells the lengths" grep -q '"lengths"' longer/report.json
train "$fm" --points 2000 --epochs 4 --out four
check "it is not the result of a run from the start" [ "$(hash_in longer)" != "$(hash_in four)" ]
train "$fm" --points 2000 --epochs 3 --out longer --resume
check "fewer epochs than were done: 1" [ "$status" -eq 1 ]
check "in one line that says so" grep -q "it stands in epoch 4, this run has 3" stderr

# Nobody reads any more: that stops a training as Ctrl-C does, and what was learned is saved.
PATH=$no_gnuplot "$fm" "${larger[@]}" --out unread 2> unread.txt < /dev/null | head -n 1 > /dev/null
check "a closed pipe ends with 128 + SIGPIPE" [ "${PIPESTATUS[0]}" -eq 141 ]
check "and says how to go on" grep -q -- "--out unread --resume" unread.txt
check "its epochs are saved" [ -s unread/flow_matching.checkpoint.safetensors ]
train "$fm" "${larger[@]}" --out unread --resume
check "it goes on to the same weights" same_hash unread whole

# The terminal is closed.
nohup=$(command -v nohup)
PATH=$no_gnuplot "$fm" "${larger[@]}" --out hangup > hangup.txt 2>&1 < /dev/null &
pid=$!
wait_for hangup/flow_matching.checkpoint.safetensors $pid
kill -HUP $pid
wait $pid
check "SIGHUP ends with 129" [ $? -eq 129 ]
check "SIGHUP: says how to go on" grep -q -- "--out hangup --resume" hangup.txt
train "$fm" "${larger[@]}" --out hangup --resume
check "SIGHUP: it goes on to the same weights" same_hash hangup whole
PATH=$no_gnuplot "$nohup" "$fm" "${larger[@]}" --out nohup > nohup.txt 2>&1 < /dev/null &
pid=$!
wait_for nohup/flow_matching.checkpoint.safetensors $pid
kill -HUP $pid
wait $pid
check "under nohup SIGHUP changes nothing" same_hash nohup whole

# What it says cannot be written: the work is done all the same, and that is said.
PATH=$no_gnuplot "$timeout" 120 "$fm" "${small[@]}" --out mute > /dev/full 2> mute.txt < /dev/null
check "stdout is full: not 0" [ $? -ne 0 ]
check "stdout is full: the weights are those of the same run" same_hash mute flow_matching.1
"$timeout" 120 "$fm" --figures-only --out mute > /dev/full 2> mute.txt < /dev/null
check "stdout is full: 1" [ $? -eq 1 ]
check "stdout is full: one line" one_line mute.txt
check "stdout is full: that says so" grep -q "what it had to say could not all be written" mute.txt
check "stdout is full: the figures are drawn" is_png mute/fig06_fm_loss.png

# --- figures alone ---------------------------------------------------------------------------------

before=$(hash_in all)
rm all/*.png
for name in normalizing_flow flow_matching conditional_flow_matching; do
  run "$programs/$name" --figures-only --out all
  check "$name draws its figures again" [ "$status" -eq 0 ]
  for figure in ${figures[$name]}; do
    check "$figure.png is a picture again" is_png "all/$figure.png"
  done
done
check "drawing leaves the weights alone" [ "$(hash_in all)" = "$before" ]

# Two at once, into one directory: neither takes away what the other is about to draw or rename.
whole_png() { is_png "$1" && [ "$(tail -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 49454e44ae426082 ]; }
twice_at_once() {  # twice_at_once COMMAND...
  local errors="stderr other_stderr"
  "$timeout" --foreground "$limit" "$@" --out all > other_stdout 2> other_stderr < /dev/null &
  local other=$!
  run "$@" --out all
  wait $other
  local other_status=$?
  check "$round: both of two at once succeed" [ "$status $other_status" = "0 0" ]
  check "$round: neither says anything on stderr" [ ! -s stderr -a ! -s other_stderr ]
  check "$round: nothing half-written is left" no_leftovers all
}
mkdir "all/fig02_nf_samples.$(uname -n).2147483647.1.tmp"  # left by a run that was killed
for round in 1 2 3; do
  twice_at_once "$nf" --figures-only
  for figure in ${figures[normalizing_flow]}; do
    check "$round: $figure.png is whole" whole_png "all/$figure.png"
  done
done
round=animation
twice_at_once "$programs/explain" --quick
check "two animations at once: one is there" [ "$(head -c 6 all/extra_animation.gif)" = GIF89a ]
check "two animations at once: no frames are left" [ ! -e all/extra_animation_frames ]
(cd all && rm fig02_nf_samples.png && gnuplot -d fig02_nf_samples.gp 2> /dev/null)
check "a script that is run by hand makes the image of its name" whole_png all/fig02_nf_samples.png

run "$nf" --figures-only --out nothing_here
check "no weights: 1" [ "$status" -eq 1 ]
check "and one line" one_line stderr
check "that says what is needed" grep -q "needs the weights of an earlier run" stderr

# --- wrong options ---------------------------------------------------------------------------------

while read -r arguments; do
  # shellcheck disable=SC2086  # several words
  run "$nf" $arguments --out wrong
  check "$arguments: 2" [ "$status" -eq 2 ]
  check "$arguments: a message" grep -q "normalizing_flow: " stderr
done << 'END'
--epochs 0
--epochs -3
--epochs 1.5
--lr -1
--lr nan
--lr inf
--points abc
--points 10
--batch 0
--batch 1e99
--shards 0
--threads -1
--clip 0
--clip nan
--seed -1
--scale-bound 0
--permutations some
--unknown
--resume --figures-only
stray
END
check "nothing was written" [ ! -e wrong ]
run "$programs/explain" --epochs 3 --out wrong
check "explain trains nothing, so --epochs is wrong: 2" [ "$status" -eq 2 ]
for name in normalizing_flow flow_matching conditional_flow_matching explain report; do
  run "$programs/$name" --help
  check "$name --help: 0" [ "$status" -eq 0 ]
  check "$name --help explains --out" grep -q -- --out stdout
done

# --- a hostile world -------------------------------------------------------------------------------

train "$nf" "${small[@]}" --out undrawn
check "without gnuplot: 1" [ "$status" -eq 1 ]
check "without gnuplot: one line" one_line stderr
check "that says what to install" grep -q "apt install gnuplot" stderr
for figure in ${figures[normalizing_flow]}; do
  check "$figure.csv is there all the same" [ -s "undrawn/$figure.csv" ]
done
check "and the weights" [ -s undrawn/normalizing_flow.safetensors ]
check "and report.json" same_hash undrawn normalizing_flow.1
run "$nf" --figures-only --out undrawn
check "the figures can be drawn later" is_png undrawn/fig01_nf_validation_loss.png

# gnuplot is there but does not do its work.
# shellcheck disable=SC2016  # what is quoted is the fake's own script
{
  half='file=$(printf %s "$3" | sed "s/.*file = .\(.*\)./\1/"); printf "\211PNG\r\n\032\nhalf" > "$file"'
  fake_gnuplot failing 'printf "\n\"some.gp\" line 12: undefined variable: x\n\n" >&2; exit 1'
  fake_gnuplot silent 'exit 3'
  fake_gnuplot lazy 'exit 0'
  fake_gnuplot halting "$half; exit 0"
  fake_gnuplot dying "$half; "'kill -KILL $$'
  fake_gnuplot hanging "$half; sleep 1000 & echo \$! > '$scratch/hanging.pid'; wait"
}
pictures_in() { find "$1" -name '*.png*' | wc -l; }
while read -r kind says; do
  PATH=$scratch/$kind:$PATH GRADFLOW_GNUPLOT_SECONDS=1 run "$nf" --figures-only --out undrawn
  check "gnuplot $kind: 1" [ "$status" -eq 1 ]
  check "gnuplot $kind: one line" one_line stderr
  check "gnuplot $kind: that says so" grep -q -- "$says" stderr
  check "gnuplot $kind: the data stays" [ -s undrawn/fig01_nf_validation_loss.csv ]
  check "gnuplot $kind: no picture is left" [ "$(pictures_in undrawn)" -eq 0 ]
  check "gnuplot $kind: nothing half-written is left" no_leftovers undrawn
done << 'END'
failing some.gp line 12: undefined variable: x
silent fig01_nf_validation_loss.gp: failed without a message (exit status 3)
lazy left no complete image
halting left no complete image
dying killed by signal 9
hanging took more than 1 s and was killed
END
# A process that has ended may still be listed until its parent, by now init, takes note.
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
check "nothing that hung still runs" ended "$(cat hanging.pid)"
run "$nf" --figures-only --out undrawn
check "with a good gnuplot all figures are drawn" [ "$(pictures_in undrawn)" -eq 5 ]

run "$programs/explain" --out undrawn
check "explain without all three models: 1" [ "$status" -eq 1 ]
check "in one line" one_line stderr
check "that says what is needed" grep -q "explain needs the weights of an earlier run" stderr

mkdir only_gnuplot
ln -s "$(command -v gnuplot)" only_gnuplot/gnuplot
PATH=$scratch/only_gnuplot run "$programs/explain" --quick --out all
check "no animation without convert, but all else: 0" [ "$status" -eq 0 ]
check "one line" one_line stderr
check "that says what to install" grep -q "apt install imagemagick" stderr
check "the frames are kept" is_png all/extra_animation_frames/frame_000.png

train "$nf" "${small[@]}" --lr 1000 --out wild
check "a learning rate of 1000: 1" [ "$status" -eq 1 ]
check "in one line" one_line stderr
check "that names the step, the operation and the parameter" \
  grep -Eq "epoch 1, step [0-9]+: .* not finite .* the result of [a-z_]+ .* at parameter [0-9a-z.]+;" stderr

touch file
run "$nf" "${small[@]}" --out file/results
check "a directory that cannot be made: 1" [ "$status" -eq 1 ]
check "in one line" one_line stderr
check "that names it" grep -q "file/results" stderr

echo "hello" > undrawn/normalizing_flow.safetensors
run "$nf" --figures-only --out undrawn
check "weights that are none: 1" [ "$status" -eq 1 ]
check "in one line that names the file" grep -q "normalizing_flow.safetensors" stderr

run "$programs/report" --out nothing_there
check "report without results: 1" [ "$status" -eq 1 ]
check "in one line" one_line stderr

finish
