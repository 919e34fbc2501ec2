#!/usr/bin/env bash
# `experiments/uci.sh` on tables that are made up, of the columns of the five: what is prepared, what is said of
# files and modules that are missing, that each is fitted and scored.
#
#   tests/experiments/test_uci.sh DIR     DIR holds the program gradflow, e.g. build/release/experiments
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
GRADFLOW=$(cd "${1:?usage: test_uci.sh DIRECTORY_OF_THE_PROGRAM}" && pwd)/gradflow || exit 2
export GRADFLOW
# shellcheck source=tests/tools/checks.sh
. "$here/../tools/checks.sh"
scratch_directory
uci=$here/../../experiments/uci.sh
export UCI_OUT=$scratch/out

python=$(for p in python3 /usr/bin/python3; do "$p" -c 'import numpy' 2> /dev/null && echo "$p" && break; done)
if [ -z "$python" ]; then
  echo "no numpy: the script was not tried"
  exit 0
fi

run "$uci" --help
check "--help says where the files are" says "https://zenodo.org/record/1161203" stdout
run "$uci" /no/such/directory
check "no directory: the code is 2, not $status" [ "$status" -eq 2 ]
mkdir empty
run "$uci" empty --model gaussian
check "without files it ends well" [ "$status" -eq 0 ]
for file in power/data.npy "gas/ethylene_CO.pickle or gas/ethylene_CO.txt" hepmass/1000_train.csv miniboone/data.npy BSDS300/BSDS300.hdf5; do
  check "$file is missed, and it is said where it is" grep -qF "no $file in $scratch/empty; it is in https://zenodo" stderr
done
check "and only the head of the table is left" one_line out/table.txt

"$python" - << 'END'
import os, numpy as np
random = np.random.RandomState(1)
for name in ("power", "gas", "hepmass", "miniboone", "BSDS300"): os.makedirs("data/" + name)
np.save("data/power/data.npy", np.round(random.rand(1000, 8), 2) + np.arange(8))
sensors = random.randn(1000, 8)
alike = np.hstack([sensors, sensors + 0.01 * random.randn(1000, 8)])  # each twice
np.savetxt("data/gas/ethylene_CO.txt", np.hstack([random.rand(1000, 3), alike]), header="Time CO Ethylene sensors")
for part, more in (("train", 0), ("test", 1)):
    rows = random.randn(1000, 28 + more)
    if part == "train": rows[:, 3:10] = np.maximum(rows[:, 3:10], -1)  # the least value repeats in seven columns
    label = (np.arange(1000) % 2)[:, None]
    np.savetxt(f"data/hepmass/1000_{part}.csv", np.hstack([label, rows]), delimiter=",", header="label,f0")
np.save("data/miniboone/data.npy", 5 + 3 * random.randn(1000, 43))
try:
    import h5py
    with h5py.File("data/BSDS300/BSDS300.hdf5", "w") as file:
        for part, rows in (("train", 800), ("validation", 100), ("test", 100)): file[part] = random.randn(rows, 63)
except ImportError:
    open("data/BSDS300/BSDS300.hdf5", "w").close()
END
run "$uci" data --model gaussian --no-page
check "with files it ends well" [ "$status" -eq 0 ]
cp stdout log
for set in "power: 900 rows of 6" "gas: 900 rows of 8" "hepmass: 500 rows of 21" "miniboone: 900 rows of 43"; do
  check "$set columns to train" says "$set columns to train" log
done
for set in "power: 100 rows of 6" "gas: 100 rows of 8" "hepmass: 500 rows of 21" "miniboone: 100 rows of 43"; do
  check "$set columns to test" says "$set columns to test" log
done
if "$python" -c 'import h5py' 2> /dev/null; then
  check "bsds300: 900 rows to train" says "bsds300: 900 rows of 63 columns to train" log
else
  check "bsds300: what it needs is said" says "BSDS300.hdf5 needs Python's h5py; hint: apt-get install python3-h5py"
fi
check "a line for each in the table" [ "$(grep -cE '^(power|gas|hepmass|miniboone) +-[0-9.]+ ± [0-9.]+ +-?[0-9.]+' out/table.txt)" -eq 4 ]

# The numbers: of what is independent and normal the best log p is known; POWER by numpy's own steps.
"$python" - << 'END' > numbers
import numpy as np
train, test = np.load("out/miniboone_train.npy"), np.load("out/miniboone_test.npy")
print(abs(train.mean(0)).max() < 1e-4, abs(train.std(0) - 1).max() < 1e-4, abs(test.std(0) - 1).max() > 1e-3)
data = np.load("data/power/data.npy")
order = np.arange(1000); np.random.RandomState(42).shuffle(order)
power = data[order][:, [0, 2, 4, 5, 6, 7]]
rows = np.vstack([np.load("out/power_train.npy"), np.load("out/power_test.npy")])
scale, shift = np.polyfit(rows[:, 5], power[:, 5], 1)  # undo the standardising by the line through all rows
print(np.allclose(rows[:, 5] * scale + shift, power[:, 5], atol=1e-5))
print(np.corrcoef(rows[:, 1], power[:, 1])[0, 1] > 0.999)
print(0.5 < np.corrcoef(rows[:, 2], power[:, 2])[0, 1] < 0.9)  # noise of width 1 on values of width 1
END
check "what is prepared has the mean 0 and the deviation 1 where it trains, and POWER's rows and noise" \
  cmp -s numbers <(printf 'True True True\nTrue\nTrue\nTrue\n')
finish
