// The engine: the laboratory behind a C interface, as a page's worker calls it (worker.js).
//
// The one idea: strings and arrays of floats are all that C and JavaScript share, so that is what
// goes to and fro: lab_give() for each array of a question, lab_ask() for the question, then
// lab_result() for each array of the answer.
#include <emscripten.h>

#include "experiments/browser/messages.h"

namespace {

using namespace gradflow;

Lab lab;
Arrays arrays;
std::string text;  // of the last answer

}  // namespace

extern "C" {

// Room for the next array of a question.
EMSCRIPTEN_KEEPALIVE float* lab_give(int size) {
  return arrays.given.emplace_back(static_cast<std::size_t>(size)).data();
}

// {"call": ..., "args": ...}  ->  {"result": ...} or {"error": ...}
EMSCRIPTEN_KEEPALIVE const char* lab_ask(const char* question) {
  arrays.result.clear();
  Json reply;
  try {
    const Json asked = Json::parse(question);
    reply["result"] = answer(lab, asked.at("call"), asked.value("args", Json::object()), arrays);
  } catch (const std::exception& error) {
    reply = {{"error", error.what()}};
  }
  arrays.given.clear();
  text = reply.dump();
  return text.c_str();
}

EMSCRIPTEN_KEEPALIVE const float* lab_result(int k) {
  return arrays.result.at(static_cast<std::size_t>(k)).data();
}
EMSCRIPTEN_KEEPALIVE int lab_result_size(int k) {
  return static_cast<int>(arrays.result.at(static_cast<std::size_t>(k)).size());
}
}
