// Memory: a training loop allocates nothing once it has gone round, and gives everything back.

#include "tensor/kernels/buffer.h"

#include <thread>
#include <vector>

#include "autograd/ops.h"
#include "tensor/random.h"
#include "tests/catch.h"
#include "tests/close.h"

namespace gradflow {
using namespace kernel;  // what is tested here

namespace {

struct Model {
  Parameter W1, b1, W2, b2;
  Var operator()(const Var& x) const { return linear(tanh(linear(x, W1, b1)), W2, b2); }
};

void step(const Model& model, Weights& weights, const Tensor& x, const Tensor& y) {
  Tape tape(weights);
  const Tensor gradient = tape.backward(mean(square(model(x) - y))).flat();
  real* numbers = weights.mutable_numbers();
  for (Index i = 0; i < weights.count(); ++i) numbers[i] -= real(0.1) * gradient.data()[i];
}

TEST_CASE("a training loop allocates nothing after its first steps") {
  const Index live_before = buffer_counts().live;
  {
    Rng rng(1);
    Model model{{rng.normal({16, 2})}, {zeros({16})}, {rng.normal({1, 16})}, {zeros({1})}};
    Weights weights({{"W1", &model.W1}, {"b1", &model.b1}, {"W2", &model.W2}, {"b2", &model.b2}});
    const Tensor x = rng.normal({128, 2}), y = rng.normal({128, 1});
    for (int i = 0; i < 2; ++i) step(model, weights, x, y);
    const BufferCounts warm = buffer_counts();
    for (int i = 0; i < 50; ++i) step(model, weights, x, y);
    CHECK(buffer_counts().live == warm.live);
    if (buffers_pooled()) CHECK(buffer_counts().system_allocations == warm.system_allocations);
  }
  CHECK(buffer_counts().live == live_before);
}

TEST_CASE("second derivatives give all their memory back") {
  const Index live_before = buffer_counts().live;
  {
    Tape tape;
    const Var x = tape.variable(Rng(2).normal({10}));
    const Var slope = tape.backward(sum(tanh(x) * sin(x)), Record::yes)[x];
    const Gradients second = tape.backward(sum(square(slope)));
    CHECK(second[x].value().shape() == Shape{10});
    CHECK(buffer_counts().live > live_before);
  }
  CHECK(buffer_counts().live == live_before);
}

TEST_CASE("an operation that fails gives its memory back") {
  const Index live_before = buffer_counts().live;
  {
    Tape tape;
    const Var x = tape.variable(ones({2, 3}));
    CHECK_THROWS(sum(exp(x) + tape.variable(ones({2}))));
    CHECK_THROWS(tape.backward(exp(x)));
  }
  CHECK(buffer_counts().live == live_before);
}

TEST_CASE("buffers - size 0 is no storage and copies count as one") {
  const BufferCounts before = buffer_counts();
  const Buffer none(0);
  CHECK(none.data() == nullptr);
  CHECK(none.owners() == 0);
  CHECK(buffer_counts().live == before.live);
  {
    Buffer a(100);
    CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
    CHECK(a.owners() == 1);
    const Buffer b = a;
    CHECK(b.data() == a.data());
    CHECK(a.owners() == 2);
    CHECK(buffer_counts().live == before.live + 1);
    a = Buffer();
    CHECK(b.owners() == 1);
    CHECK(buffer_counts().live == before.live + 1);
  }
  CHECK(buffer_counts().live == before.live);
}

TEST_CASE("a freed block serves the next request of its size") {
  if (!buffers_pooled()) {
    SUCCEED("no pool under the address sanitizer");
    return;
  }
  const real* first = nullptr;
  for (const Index size : {1, 16, 17, 100, 1000, 5000}) {
    {
      const Buffer a(size);
      first = a.data();
    }
    const Index allocations = buffer_counts().system_allocations;
    const Buffer b(size);
    CHECK(b.data() == first);
    CHECK(buffer_counts().system_allocations == allocations);
  }
}

TEST_CASE("a thread keeps no more blocks than it has made") {
  // One that frees what another has made would else keep all of it.
  constexpr Index kMany = 1000, kSize = 3000;
  std::vector<Buffer> made;
  std::thread([&] {
    for (Index i = 0; i < kMany; ++i) made.emplace_back(kSize);
  }).join();
  std::thread([&] {
    { const Buffer a(kSize), b(kSize); }
    const Index allocations = buffer_counts().system_allocations;
    made.clear();
    for (Index i = 0; i < 3; ++i) made.emplace_back(kSize);  // two of them are in the list
    CHECK(buffer_counts().system_allocations == allocations + (buffers_pooled() ? 1 : 3));
    made.clear();
  }).join();
}

// Statics of a program, and what a thread keeps for itself, may die after the lists of blocks do.
TEST_CASE("a tensor may outlive the lists of its thread") {
  std::thread([] {
    thread_local std::vector<Tensor> late;
    late.reserve(8);  // made before the thread's lists are, and so destroyed after them
    for (const Index size : {1, 100, 5000}) {
      late.emplace_back(Shape{size}, real(size));
      late.push_back(late.back().rows(0, 1));
    }
    { const Tensor freed = zeros({100}); }  // now the lists hold a block
    CHECK(late.back().item() == 5000);
  }).join();
  static std::vector<Tensor> kept;  // destroyed when the program ends; the sanitizers watch
  kept.assign(3, ones({1000}));
  kept.back().mutable_data()[0] = 2;
  CHECK(kept[0].at({0}) == 1);
}

TEST_CASE("every number of a buffer can be written to") {
  // Around the borders of the size classes; the sanitizers watch.
  for (const Index size :
       {1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025}) {
    const Tensor x(Shape{size}, real(size));
    CHECK(x.values().back() == real(size));
  }
}

}  // namespace
}  // namespace gradflow
