#include "experiments/run/drawings.h"

#include "experiments/run/files/file_error.h"
#include "experiments/run/say.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

void draw_all(const std::vector<Drawing>& drawings, const RunOptions& options) {
  std::vector<std::string> errors(drawings.size()), lost(drawings.size());
  parallel_for(std::ssize(drawings), [&](Index i) {
    const auto k = static_cast<std::size_t>(i);
    try {
      drawings[k](options);
    } catch (const FileError& error) {  // the table could not be written: the disk is full, say
      errors[k] = lost[k] = error.what();
    } catch (const std::exception& error) {
      errors[k] = error.what();
    }
  });
  std::erase(errors, "");
  std::erase(lost, "");
  say("{} of {} figures drawn in {}\n", drawings.size() - errors.size(), drawings.size(),
      options.out.string());
  require<DrawingError>(
      lost.empty(), "{} of {} figures could not be drawn, {} not even as a table: {}",
      errors.size(), drawings.size(), lost.size(), lost.empty() ? "" : lost.front());
  require<DrawingError>(errors.empty(),
                        "{} of {} figures could not be drawn, their data is kept: {}",
                        errors.size(), drawings.size(), errors.empty() ? "" : errors.front());
}

}  // namespace gradflow
