// Transcript: all that happens on a tape, kept to be shown: the graph, its values and gradients.
//
// The one idea: a tape itself knows no values, and its rules alone know what they lead to. But both
// pass by: values as they are recorded, and in the backward pass the node whose rules are applied,
// what has gathered there, and the nodes to which it is handed on.
//
//   Transcript transcript;
//   Tape tape(weights);
//   tape.backward(loss());
//   transcript.nodes()        ... .op, .value, .inputs, .gradient
//
// It is for looking at one step of one tape: whoever trains has none in scope.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace gradflow {

class Transcript {
 public:
  // Of this thread's next tape, while it is in scope; one at a time.
  Transcript();
  ~Transcript();
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;

  struct Node {
    std::string op;                  // of the operation
    std::string parameter = {};      // the first of those whose numbers it is, if it is that
    Tensor value;                    // its result
    std::vector<Index> inputs = {};  // what its gradient was handed on to, ascending
    std::optional<Tensor> gradient = {};  // of the value; nothing if none has reached it
  };
  const std::vector<Node>& nodes() const { return nodes_; }  // as recorded

  // --- what record.cpp and tape.cpp tell it; current() is null where nobody listens ---
  static Transcript* current();
  void recorded(const char* op, const Tensor& value);      // the next node
  void named(const std::string& parameter);                // what the last one is
  void reached(std::size_t node, const Tensor* gradient);  // in the backward pass
  void handed_on(std::size_t node);                        // from where it has arrived

 private:
  std::vector<Node> nodes_;
  std::size_t at_ = 0;  // the node whose rules are applied
};

}  // namespace gradflow
