// Ranks: the processes that train one model together, each on a part of every batch.
//
// The one idea: all ranks run the same program, hold the same weights and take the same steps. What
// only one of them knows, be it read from a file or computed on its part of a batch, is told to all
// by one of the functions below. They move numbers and never add any: sums are taken by each rank
// for itself, in an order that does not depend on how many ranks there are. So any number of ranks
// gives the same bits.
//
// Each of these functions is called by all ranks at the same place of the program; whoever comes
// first waits. They are written twice: ranks_mpi.cpp over MPI, and ranks_one.cpp for a build that
// has none, where there is one rank, number 0, and nothing to tell.
//
// Read next: batch_gradient.cpp, which shares the work out.
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace gradflow {

Index ranks();  // how many there are: R
Index rank();   // which of them this is, from 0

// While it is in scope there are as many ranks as `mpirun -n R program` has started, each with its
// share of the machine's processors as threads. Made once in a program, by its first thread, which
// is also the one that calls the functions below.
class RanksScope {
 public:
  RanksScope();
  ~RanksScope();  // waits for the others, asleep
  RanksScope(const RanksScope&) = delete;
  RanksScope& operator=(const RanksScope&) = delete;
};

// Ends all of them at once, whatever they are waiting for. This is the one function of the library
// that ends the process, where all others throw: a rank that fails while others wait for its part
// of a sum would leave them waiting for ever. Only run_program() (experiments/run/session.h) calls
// it, after it has said what is wrong. An error of MPI itself ends all ranks, too.
[[noreturn]] void end_all_ranks(int code);

// n things are shared out in order: rank r owns those from own_begin(n, r) to own_begin(n, r + 1).
inline Index own_begin(Index n, Index r) { return n * r / ranks(); }

// Rank 0's text, or numbers, for all.
void broadcast(std::string& text);
void broadcast(real* numbers, Index n);
// Whether it is so on any of them.
bool on_any_rank(bool mine);
// Each rank has filled in what it owns of n numbers: afterwards all are there on every rank.
template <class T>  // float or double
void complete(T* numbers, Index n);
// A matrix of (rows, n), known by rows, is shared out by columns: `own_rows` holds, for each rank q
// in turn, q's columns of the rows that this rank owns; `own_columns` receives this rank's columns
// of all rows: (rows, own_begin(n, rank() + 1) - own_begin(n, rank())).
void exchange(const real* own_rows, Index rows, Index n, real* own_columns);

// Throws Error on the ranks whose text is not that of rank 0. `what` is for the message.
inline void check_same(const std::string& what, const std::string& mine) {
  std::string first = mine;
  broadcast(first);
  require(
      mine == first,
      "{} of rank {}: {}; those of rank 0: {}; the same are required; hint: do all machines run "
      "the same program with the same options?",
      what, rank(), mine, first);
}

}  // namespace gradflow
