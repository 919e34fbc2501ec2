// Ranks over MPI (the Message Passing Interface; Debian's OpenMPI).
//
// Nothing is added up on the way (MPI_Allreduce would, in an order of its own): numbers are only
// moved. An error of MPI itself ends all ranks, which is its default.

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <vector>

#include "nn/ranks.h"
#include "tensor/threads/parallel.h"

namespace gradflow {
namespace {

int rank_count = 1, own_rank = 0;  // until a RanksScope says otherwise

template <class T>
MPI_Datatype type_of() {
  return sizeof(T) == sizeof(float) ? MPI_FLOAT : MPI_DOUBLE;
}

// How many numbers go to or come from each rank, and where they begin.
struct Counts {
  std::vector<int> sizes, begins;
  void add(Index size) {
    const Index begin = begins.empty() ? 0 : Index{begins.back()} + sizes.back();
    require(begin + size <= std::numeric_limits<int>::max(),
            "ranks: {} numbers to be moved at once; at most {}; hint: fewer shards, or more ranks",
            begin + size, std::numeric_limits<int>::max());
    begins.push_back(static_cast<int>(begin));
    sizes.push_back(static_cast<int>(size));
  }
};

Index own(Index n, Index r) { return own_begin(n, r + 1) - own_begin(n, r); }

// In pieces that MPI's int can count.
void broadcast_bytes(char* bytes, Index n) {
  constexpr Index kPiece = Index{1} << 30;
  for (Index begin = 0; begin < n; begin += kPiece)
    MPI_Bcast(bytes + begin, static_cast<int>(std::min(kPiece, n - begin)), MPI_BYTE, 0,
              MPI_COMM_WORLD);
}

}  // namespace

Index ranks() { return rank_count; }
Index rank() { return own_rank; }

RanksScope::RanksScope() {
  int given = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given);
  MPI_Comm_size(MPI_COMM_WORLD, &rank_count);
  MPI_Comm_rank(MPI_COMM_WORLD, &own_rank);
  MPI_Comm here = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, own_rank, MPI_INFO_NULL, &here);
  int size = 1;  // the ranks that share this machine
  MPI_Comm_size(here, &size);
  MPI_Comm_free(&here);
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  if (size > 1) set_threads(std::clamp(processors / size, 1, threads()));
}

RanksScope::~RanksScope() {
  // MPI_Finalize waits as well, but at full speed, on cores that those who still work could use.
  MPI_Request all_here = MPI_REQUEST_NULL;
  MPI_Ibarrier(MPI_COMM_WORLD, &all_here);
  for (int done = 0; !done; MPI_Test(&all_here, &done, MPI_STATUS_IGNORE))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  MPI_Finalize();
  rank_count = 1, own_rank = 0;
}

void end_all_ranks(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

void broadcast(std::string& text) {
  if (rank_count == 1) return;
  Index size = std::ssize(text);
  MPI_Bcast(&size, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  text.resize(static_cast<std::size_t>(size));
  broadcast_bytes(text.data(), size);
}

void broadcast(real* numbers, Index n) {
  if (rank_count > 1)
    broadcast_bytes(reinterpret_cast<char*>(numbers), n * static_cast<Index>(sizeof(real)));
}

bool on_any_rank(bool own_answer) {
  int any = own_answer;
  if (rank_count > 1) MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_LOR, MPI_COMM_WORLD);
  return any != 0;
}

template <class T>
void complete(T* numbers, Index n) {
  if (rank_count == 1) return;
  Counts counts;
  for (Index r = 0; r < rank_count; ++r) counts.add(own(n, r));
  MPI_Allgatherv(MPI_IN_PLACE, 0, type_of<T>(), numbers, counts.sizes.data(), counts.begins.data(),
                 type_of<T>(), MPI_COMM_WORLD);
}
template void complete(float*, Index);
template void complete(double*, Index);

void exchange(const real* own_rows, Index rows, Index n, real* own_columns) {
  const Index r = rank(), columns = own(n, r);
  Counts sent, received;
  for (Index q = 0; q < rank_count; ++q) {
    sent.add(own(rows, r) * own(n, q));
    received.add(own(rows, q) * columns);
  }
  MPI_Alltoallv(own_rows, sent.sizes.data(), sent.begins.data(), type_of<real>(), own_columns,
                received.sizes.data(), received.begins.data(), type_of<real>(), MPI_COMM_WORLD);
}

}  // namespace gradflow
