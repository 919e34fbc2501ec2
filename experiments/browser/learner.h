// Learner: a model's training, a step at a time.
//
// The one idea: a step is a function of the seed and of how many there have been, so the page may
// stop, draw, answer and go on as it likes: the weights after 200 steps are the same bits, here and
// in a native program.
//
// Read next: lab.h.
#pragma once

#include <algorithm>
#include <vector>

#include "autograd/transcript.h"
#include "autograd/watch.h"
#include "nn/batch_gradient.h"
#include "nn/optimizer.h"

namespace gradflow {

struct Course {  // of a training
  std::uint64_t seed = 0;
  Index batch = 128, steps = 5000;  // points in a step; the rate falls to 0 over so many steps
  double rate = 1e-3;               // at the beginning; along a cosine
  double largest_gradient = 1;      // longer ones are clipped
};

class Learner {
 public:
  // Of these parameters, which outlive it, as the loss does what it refers to.
  Learner(const Parameters& parameters, Loss loss, const Course& course)
      : weights_(parameters),
        adam_(weights_),
        loss_of_(std::move(loss)),
        gradient_(loss_of_, weights_, 1),
        course_(course),
        rate_(cosine_schedule(course.rate, course.steps)) {}

  // One step on a batch drawn from the data. Throws NonFiniteError as BatchGradient does.
  void step(const Data& data) {
    const double loss = gradient_.compute(data, rows(data), random().fork(1));
    adam_.learning_rate = rate();
    adam_.step(gradient_.gradient(), clip_factor(gradient_.norm(), course_.largest_gradient));
    if (losses_.size() < kShown)
      losses_.push_back(loss);
    else
      losses_[static_cast<std::size_t>(steps()) % kShown] = loss;
  }

  // The tape of the next step, which is not taken. Fused operations give way to what they are made
  // of, as they do where somebody looks at the numbers.
  std::vector<Transcript::Node> transcript(const Data& data) {
    const WatchNumbers composed;
    const Transcript transcript;
    Tape tape(weights_);
    Rng rng = random().fork(1).fork(0);  // as the first shard of a batch
    tape.backward(loss_of_(data.rows(rows(data)), rng));
    return transcript.nodes();
  }

  Index steps() const { return adam_.steps(); }
  // What is shown: the median of the last kShown steps. A mean would be that of a single batch with
  // a point far outside, of which a flow says hundreds of nats.
  double loss() const {
    if (losses_.empty()) return 0;
    std::vector<double> last = losses_;
    const auto middle = last.begin() + std::ssize(last) / 2;
    std::nth_element(last.begin(), middle, last.end());
    return *middle;
  }
  double rate() const { return rate_(steps()); }  // of the next step
  Index count() const { return weights_.count(); }
  const Course& course() const { return course_; }

 private:
  static constexpr std::size_t kShown = 51;

  Rng random() const { return Rng(course_.seed).fork(static_cast<std::uint64_t>(steps())); }
  std::vector<Index> rows(const Data& data) const {
    return random().integers(data.size(), course_.batch);
  }

  Weights weights_;
  Adam adam_;
  Loss loss_of_;
  BatchGradient gradient_;
  Course course_;
  Schedule rate_;
  std::vector<double> losses_;  // of the last steps, in a circle
};

}  // namespace gradflow
