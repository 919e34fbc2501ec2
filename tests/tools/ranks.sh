#!/usr/bin/env bash
# Several processes train one model together: the weights are those of one process, whatever happens.
#
#   tests/tools/ranks.sh [ROUNDS [DIR]]    ROUNDS kills of one of the processes (default 20);
#                                    DIR holds the programs (default build/mpi/experiments, which is
#                                    built if it is not there)
#
# Checks the weights for 1 to 4 processes; kills one at a random moment, whereupon all must end within
# seconds, and goes on with another number of them; stops them by Ctrl-C; and has one of them fail.
set -uo pipefail
case "${1:-}" in -h | --help) sed -n '2,10s/^# \?//p' "$0"; exit 0 ;; esac

rounds=${1:-20}
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
case "$rounds" in *[!0-9]* | '') echo "ranks.sh: $rounds: not a number of rounds" >&2; exit 2 ;; esac
if [ -z "${2:-}" ]; then
  # shellcheck source=.ci/packages.sh
  . "$root/.ci/packages.sh"
  install_packages "${build_packages[@]}" "${mpi_packages[@]}" || exit 2
  (cd "$root" && cmake --preset mpi > /dev/null &&
    cmake --build --preset mpi --target normalizing_flow flow_matching conditional_flow_matching) || exit 2
fi
programs=$(cd "${2:-$root/build/mpi/experiments}" && pwd) || exit 2
# shellcheck source=tests/tools/checks.sh
. "$here/checks.sh"
scratch_directory
errors=log
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1  # in a container everybody is root

declare -A options=(
  [normalizing_flow]="--points 512 --epochs 12 --permutations random --seed 3 --shards 4"
  [flow_matching]="--points 1500 --epochs 30 --shards 4"
  [conditional_flow_matching]="--points 1500 --epochs 30 --batch 100 --shards 3")

# start RANKS DIR OPTION...: so many processes of the program $name in the background; $pid is mpirun's.
start() {
  local count=$1 out=$2
  shift 2
  : > log  # now, and not when the process in the background gets there
  # shellcheck disable=SC2086  # several words
  env --default-signal=INT,TERM mpirun --oversubscribe -n "$count" "$programs/$name" ${options[$name]} \
    --out "$out" "$@" > log 2>&1 < /dev/null &
  pid=$!
}
alive() { kill -0 "$pid" 2> /dev/null; }
collect() { wait "$pid" 2> /dev/null; status=$?; }
wait_until() {  # wait_until COMMAND...: while mpirun lives
  until "$@"; do
    alive || return 1
    sleep 0.01
  done
}
trained() { [ -n "$(weights_hash log)" ]; }
end() {  # of all processes, at once
  kill -TERM "$pid" 2> /dev/null
  collect
}
# The weights of a run with so many processes: what it measures and draws is not asked for.
hash_of() {  # hash_of RANKS DIR OPTION...
  start "$@"
  wait_until trained || echo "no weights: mpirun ended with $(wait "$pid"; echo $?)" >> log
  weights_hash log
  end
}
processes() { pgrep -P "$(pgrep -P "$pid" -d, | sed 's/,$//;s/^$/0/'),$pid" -x "$(printf '%.15s' "$name")"; }
gone() { ! pgrep -x "$(printf '%.15s' "$name")" > /dev/null; }
ended_within() {  # ended_within SECONDS
  local i
  for i in $(seq $(($1 * 20))); do
    alive || { collect; return 0; }
    sleep 0.05
  done
  return 1
}

same_weights() {
  local count
  : > log
  # shellcheck disable=SC2086
  "$programs/$name" ${options[$name]} --out alone > log 2>&1 < /dev/null &
  pid=$!
  wait_until trained
  whole=$(weights_hash log)
  end
  check "$name: the run of one process ends" [ -n "$whole" ]
  for count in 1 2 3 4; do
    check "$name: $count processes: the weights of one" [ "$(hash_of "$count" "ranks $count")" = "$whole" ]
  done
  echo "$name: weights $whole with 1, 2, 3 and 4 processes"
}

# One of them is killed; the next round goes on with another number of them.
kills() {
  local round victim kills=0
  rm -rf killed
  for round in $(seq "$rounds"); do
    start $((round % 4 + 1)) killed --resume
    wait_until processes > /dev/null
    sleep "0.$((RANDOM % 9 + 1))"
    victim=$(processes | shuf -n 1)
    [ -n "$victim" ] && kill -KILL "$victim" 2> /dev/null && kills=$((kills + 1))
    if trained; then  # the kill came too late
      check "$name: round $round: the weights" [ "$(weights_hash log)" = "$whole" ]
      rm -rf killed
    fi
    check "$name: round $round: all processes end within 10 s" ended_within 10
    check "$name: round $round: the code is not 0" [ "${status:-0}" -ne 0 ]
    alive && end
  done
  check "$name: killed $kills times, by 1 to 4 processes: the weights of one" \
    [ "$(hash_of 3 killed --resume)" = "$whole" ]
  check "$name: no process is left" wait_until_gone
  echo "$name: one of 1 to 4 processes killed $kills times; weights $whole"
}
wait_until_gone() {
  local i
  for i in $(seq 100); do
    gone && return 0
    sleep 0.1
  done
  return 1
}

stopped() {
  start 2 stopped
  wait_until [ -e "stopped/$name.checkpoint.safetensors" ]
  kill -INT "$pid"
  check "$name: Ctrl-C: all processes end within 10 s" ended_within 10
  check "$name: Ctrl-C: goes on to the weights of one" [ "$(hash_of 4 stopped --resume)" = "$whole" ]
}

# Wrong on all of them: said once. Wrong on one: that one says so, and all end.
faults() {
  start 3 wrong --lr -1
  check "$name: a wrong option: all processes end within 10 s" ended_within 10
  check "$name: a wrong option: the code is not 0" [ "$status" -ne 0 ]
  check "$name: a wrong option: is said once" [ "$(grep -c -e '--lr' log)" -eq 1 ]
  mkdir -p wrong && echo damaged > "wrong/$name.checkpoint.safetensors"
  start 3 wrong --resume
  check "$name: a damaged checkpoint: all processes end within 10 s" ended_within 10
  check "$name: a damaged checkpoint: is said once" [ "$(grep -c 'not a safetensors file' log)" -eq 1 ]
  # shellcheck disable=SC2086
  mpirun --oversubscribe -n 2 "$programs/$name" ${options[$name]} --out apart \
    : -n 1 "$programs/$name" ${options[$name]} --out apart --clip 2 > log 2>&1 < /dev/null &
  pid=$!
  check "$name: one process with another option: all end within 10 s" ended_within 10
  check "$name: one process with another option: it says so" says "the settings of rank 2: " log
}

for name in normalizing_flow flow_matching conditional_flow_matching; do
  same_weights
  kills
  stopped
done
faults
finish
