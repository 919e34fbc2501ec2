// The operations that autograd/ops.h and the headers in it declare, read from these themselves:
// what a table of tests must have a row for. So an operation that is added and not tested fails the
// suite.
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

// The signatures of all functions in a header that return a Var, or several.
inline std::set<std::string> declared_in(const std::filesystem::path& header) {
  std::ifstream file(header);
  if (!file) throw std::runtime_error("declared_ops: cannot read " + header.string());
  std::set<std::string> declared;
  std::string declaration;
  for (std::string line; std::getline(file, line);) {
    const bool begins = line.rfind("Var ", 0) == 0 || line.rfind("inline Var ", 0) == 0 ||
                        line.rfind("std::array<Var", 0) == 0;
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

// Whether a header has operations; the functions of others are what operations are made with.
inline bool has_operations(const std::filesystem::path& header) {
  const std::set<std::string> made_with{"tape.h", "record.h", "var.h"};
  return header.extension() == ".h" && made_with.count(header.filename().string()) == 0;
}

// Those of ops.h and of the headers of its folder that it includes: what a user gets by one line.
inline std::set<std::string> declared_ops() {
  const std::filesystem::path ops = GRADFLOW_OPS_HEADER;
  std::set<std::string> all = declared_in(ops);
  const std::string include = "#include \"autograd/";
  std::ifstream file(ops);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(include, 0) != 0) continue;
    const auto header =
        ops.parent_path() / line.substr(include.size(), line.rfind('"') - include.size());
    if (has_operations(header)) all.merge(declared_in(header));
  }
  return all;
}

// Those of every header of the folder: an operation may have a header of its own.
inline std::set<std::string> declared_ops_of_all_headers() {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(GRADFLOW_OPS_HEADER).parent_path()))
    if (has_operations(entry.path())) all.merge(declared_in(entry.path()));
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
