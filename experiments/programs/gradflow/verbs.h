// The verbs of the program `gradflow`: what each is asked for, and the function that does it.
//
// The one idea: main.cpp knows the command line and nothing else; a verb is a struct and a
// function, which returns the code with which the program ends and throws what goes wrong.
//
// Read next: fit.cpp; main.cpp.
#pragma once

#include "experiments/table/fit.h"
#include "experiments/table/write/row_writer.h"

namespace gradflow {

struct FitCommand {
  std::string data = {};
  ReadOptions read = {};
  FitOptions fit = {};
  SplitOptions split = {};
  std::filesystem::path out = {};  // empty: the name of the data with .fit behind it
  bool dequantise = false, resume = false, overwrite = false, no_page = false;
  std::string command = {};  // as it was called, to be shown with --resume
};
int run_fit(FitCommand command);

struct ScoreCommand {
  std::filesystem::path model = {};
  std::string data = {}, out = "-", array = {};
  Missing missing = Missing::refuse;
  Index top = 0;  // only so many of the least likely rows; 0: all, in their order
  std::uint64_t seed = 0;
};
int run_score(const ScoreCommand& command);

struct SampleCommand {
  std::filesystem::path model = {};
  Index count = 1000;
  std::vector<std::string> given = {};  // name=value
  std::string out = "-";
  std::uint64_t seed = 0;
};
int run_sample(const SampleCommand& command);

struct ReportCommand {
  std::filesystem::path model = {};
  std::string data = {}, array = {};  // empty: without data
  Missing missing = Missing::refuse;
  std::filesystem::path out = {};  // empty: report.html beside the model
  std::uint64_t seed = 0;
};
int run_report(const ReportCommand& command);

int run_info(const std::filesystem::path& model);

// A directory or a file: what fit has been told, or has left, names the model.
std::filesystem::path model_file(const std::filesystem::path& given);
// That model. Throws FileError where there is none, and says so if the table, which stands behind
// it on the command line, is one.
TableModel given_model(const std::filesystem::path& given, const std::string& data = "");

// Columns of these names, with the words of those that the model knows by words.
std::vector<OutColumn> columns_of(const TableModel& model, const std::vector<std::string>& names);

// What info says of a model, line by line.
std::string description_of(const TableModel& model);

}  // namespace gradflow
