#!/usr/bin/env bash
# Kills trainings at random moments, goes on with --resume, and compares the weights with those of a
# run that nobody disturbed. Then stops them by Ctrl-C and SIGTERM, at every stage.
#
#   tests/tools/kill.sh [ROUNDS [DIR]]     ROUNDS kills of each experiment (default 40);
#                                    DIR holds the programs (default build/release/experiments)
#
# The trainings save a checkpoint after every few steps. Every other kill waits until a file is just
# being written; the summary counts how often one was left half-written.
set -uo pipefail
case "${1:-}" in -h | --help) sed -n '2,9s/^# \?//p' "$0"; exit 0 ;; esac

rounds=${1:-40}
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${2:-$here/../../build/release/experiments}" && pwd) || exit 2
case "$rounds" in *[!0-9]* | '') echo "kill.sh: $rounds: not a number of rounds" >&2; exit 2 ;; esac
# shellcheck source=tests/tools/checks.sh
. "$here/checks.sh"
scratch_directory
errors=log

# Many short epochs: what is to be interrupted is the saving. The normalizing flow draws its
# permutations at random, so that a run which did not restore them would show.
declare -A options=(
  [normalizing_flow]="--points 512 --epochs 24 --permutations random --seed 3"
  [flow_matching]="--points 1500 --epochs 60"
  [conditional_flow_matching]="--points 1500 --epochs 60 --batch 100 --shards 3")

# start DIR OPTION...: the program $name in the background; $pid, its output is in log. Programs that
# a script starts in the background ignore Ctrl-C, unless told otherwise.
start() {
  local out=$1
  shift
  : > log  # now, and not when the process in the background gets there
  # shellcheck disable=SC2086  # several words
  env --default-signal=INT,TERM "$programs/$name" ${options[$name]} --out "$out" "$@" > log 2>&1 < /dev/null &
  pid=$!
}
alive() { kill -0 "$pid" 2> /dev/null; }
collect() { wait "$pid" 2> /dev/null; status=$?; }
wait_until() {  # wait_until COMMAND...: while the program lives
  until "$@"; do
    alive || return 1
    sleep 0.01
  done
}
trained() { [ -n "$(weights_hash log)" ]; }
fraction() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }  # of milliseconds, in seconds
random_below() { echo $((RANDOM * 32768 + RANDOM)) | awk -v n="$1" '{ print int($1 % n) }'; }

# The undisturbed run ends when it has said its hash: what it measures and draws is not asked for.
undisturbed() {
  local began
  began=$(date +%s%3N)
  start whole
  wait_until trained
  whole=$(weights_hash log)
  milliseconds=$(($(date +%s%3N) - began))
  kill -KILL "$pid" 2> /dev/null
  collect
  check "$name: the undisturbed run ends" [ -n "$whole" ]
}

half_written() { compgen -G "$checkpoint.*.tmp" > /dev/null; }
kill_now() {
  kill -KILL "$pid" 2> /dev/null
  collect
  kills=$((kills + 1))
  if trained; then
    late=$((late + 1))
  elif half_written; then
    torn=$((torn + 1))
  fi
}

kills_of() {
  local round checkpoint=killed/$name.checkpoint.safetensors
  kills=0 torn=0 late=0
  rm -rf killed
  for round in $(seq "$rounds"); do
    rm -f "$checkpoint".*.tmp
    start killed --resume
    sleep "$(fraction "$(random_below $((milliseconds / 4 + 1)))")"
    if [ $((round % 2)) -eq 0 ]; then
      # No sleep: a file is there for some milliseconds only.
      while ! half_written && alive && [ ! -s "killed/$name.safetensors" ]; do :; done
    fi
    kill_now
    if trained; then
      check "$name: killed after the training, round $round: the weights" \
        [ "$(weights_hash log)" = "$whole" ]
      rm -rf killed
    fi
  done
  start killed --resume
  wait_until trained
  check "$name: killed $kills times: the weights of an undisturbed run" \
    [ "$(weights_hash log)" = "$whole" ]
  kill -KILL "$pid" 2> /dev/null
  collect
  printf '%s: %d kills, %d of them left a file half-written, %d came after the training; weights %s\n' \
    "$name" "$kills" "$torn" "$late" "$whole"
}

# What the program says when it is stopped is a command; that command must go on to the same weights.
stopped_by() {  # stopped_by SIGNAL CODE
  local out="it's $1 here" going_on
  start "$out"
  wait_until [ -e "$out/$name.checkpoint.safetensors" ]
  kill "-$1" "$pid"
  collect
  check "$name: $1: the code is $2" [ "$status" -eq "$2" ]
  check "$name: $1: says how to go on" says "go on with: " log
  going_on=$(sed -n 's/.*go on with: //p' log)
  eval "exec env $going_on" > log 2>&1 < /dev/null &
  pid=$!
  wait_until trained
  check "$name: $1: the weights of an undisturbed run" [ "$(weights_hash log)" = "$whole" ]
  kill -KILL "$pid" 2> /dev/null
  collect
}

stopped_twice() {
  start twice
  wait_until [ -e "twice/$name.checkpoint.safetensors" ]
  kill -INT "$pid"
  kill -INT "$pid" 2> /dev/null
  collect
  check "$name: Ctrl-C twice: the code is 130" [ "$status" -eq 130 ]
  start twice --resume
  wait_until trained
  check "$name: Ctrl-C twice: the weights of an undisturbed run" [ "$(weights_hash log)" = "$whole" ]
}

# The run of stopped_twice has just trained: it measures, and then draws.
stopped_after_training() {
  local going_on
  kill -INT "$pid"
  collect
  check "$name: Ctrl-C after the training: the code is 130" [ "$status" -eq 130 ]
  check "$name: Ctrl-C after the training: says how to go on" says "--figures-only" log
  going_on=$(sed -n 's/.*go on with: //p' log)
  rm -f twice/*.gp
  eval "exec env --default-signal=INT,TERM $going_on" > log 2>&1 < /dev/null &
  pid=$!
  wait_until compgen -G "twice/*.gp" > /dev/null
  kill -INT "$pid"
  collect
  check "$name: Ctrl-C while drawing: the code is 130" [ "$status" -eq 130 ]
  check "$name: Ctrl-C while drawing: says how to go on" says "--figures-only" log
  check "$name: Ctrl-C while drawing: one line of it" [ "$(grep -c 'stopped' log)" -eq 1 ]
}

stopped_before_training() {
  env --default-signal=INT,TERM "$programs/$name" --points 50000000 --out early > log 2>&1 < /dev/null &
  pid=$!
  sleep 0.2
  kill -INT "$pid"
  collect
  check "$name: Ctrl-C before the training: the code is 130" [ "$status" -eq 130 ]
  check "$name: Ctrl-C before the training: nothing is left" [ -z "$(ls early 2> /dev/null)" ]
}

for name in normalizing_flow flow_matching conditional_flow_matching; do
  undisturbed
  kills_of
  stopped_by INT 130
  stopped_by TERM 143
  stopped_twice
  stopped_after_training
  stopped_before_training
done
finish
