// The operations that autograd/ops.h declares, read from the header itself: what a table of tests
// must have a row for. So an operation that is added and not tested fails the suite.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace gradflow {

// "Var pow(const Var& x, real exponent)" becomes "pow(x, exponent)": the parameters' names, without
// types and default values.
inline std::string signature(const std::string& declaration) {
  const std::size_t open = declaration.find('(');
  std::string result = declaration.substr(0, open);
  result = result.substr(result.rfind(' ') + 1) + "(";
  std::string rest = declaration.substr(open + 1) + ",";
  for (std::size_t comma; (comma = rest.find(',')) != std::string::npos;
       rest = rest.substr(comma + 1)) {
    std::string parameter = rest.substr(0, std::min(comma, rest.find('=')));
    while (parameter.back() == ' ' || parameter.back() == ')') parameter.pop_back();
    result +=
        (result.back() == '(' ? "" : ", ") + parameter.substr(parameter.find_last_of(" &") + 1);
  }
  return result + ")";
}

// The signatures of all functions in a header that return a Var.
inline std::set<std::string> declared_ops(const std::string& header = GRADFLOW_OPS_HEADER) {
  std::ifstream file(header);
  if (!file) throw std::runtime_error("declared_ops: cannot read " + header);
  std::set<std::string> declared;
  std::string declaration;
  for (std::string line; std::getline(file, line);) {
    const bool begins = line.rfind("Var ", 0) == 0 || line.rfind("inline Var ", 0) == 0;
    if (begins) declaration.clear();
    if (!begins && declaration.empty()) continue;
    declaration += line + " ";
    if (const std::size_t end = declaration.find_first_of(";{"); end != std::string::npos) {
      declared.insert(signature(declaration.substr(0, end)));
      declaration.clear();
    }
  }
  return declared;
}

// Those of every header of the folder: an operation may have a header of its own. record.h is
// left out, its functions are what operations are made with.
inline std::set<std::string> declared_ops_of_all_headers() {
  namespace fs = std::filesystem;
  std::set<std::string> all;
  for (const auto& entry : fs::directory_iterator(fs::path(GRADFLOW_OPS_HEADER).parent_path()))
    if (entry.path().extension() == ".h" && entry.path().filename() != "record.h")
      all.merge(declared_ops(entry.path().string()));
  return all;
}

// Those of `all` that are not in `others`.
inline std::vector<std::string> missing_from(const std::set<std::string>& others,
                                             const std::set<std::string>& all) {
  std::vector<std::string> result;
  std::set_difference(all.begin(), all.end(), others.begin(), others.end(),
                      std::back_inserter(result));
  return result;
}

}  // namespace gradflow
