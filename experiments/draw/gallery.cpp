#include "experiments/draw/gallery.h"
#include "experiments/run/say.h"

#include <fmt/format.h>

#include "experiments/run/files/file_error.h"
#include "tensor/threads/parallel.h"

namespace gradflow {

void Gallery::draw_all() {
  std::vector<std::string> errors(drawings_.size()), lost(drawings_.size());
  parallel_for(std::ssize(drawings_), [&](Index i) {
    try {
      drawings_[static_cast<std::size_t>(i)]();
    } catch (const FileError& error) {  // the table could not be written: the disk is full, say
      errors[static_cast<std::size_t>(i)] = lost[static_cast<std::size_t>(i)] = error.what();
    } catch (const std::exception& error) {
      errors[static_cast<std::size_t>(i)] = error.what();
    }
  });
  std::erase(errors, "");
  std::erase(lost, "");
  const std::size_t drawn = drawings_.size() - errors.size();
  say("{} of {} figures drawn in {}\n", drawn, drawings_.size(), options_.directory.string());
  if (!lost.empty())
    throw FigureError(fmt::format("{} of {} figures could not be drawn, {} not even as a table: {}",
                                  errors.size(), drawings_.size(), lost.size(), lost.front()));
  if (!errors.empty())
    throw FigureError(fmt::format("{} of {} figures could not be drawn, their data is kept: {}",
                                  errors.size(), drawings_.size(), errors.front()));
}

}  // namespace gradflow
