#include "experiments/gallery.h"

#include <fmt/format.h>

#include "tensor/parallel.h"

namespace gradflow {

void Gallery::draw_all() {
  std::vector<std::string> errors(drawings_.size());
  parallel_for(std::ssize(drawings_), [&](Index i) {
    try {
      drawings_[static_cast<std::size_t>(i)]();
    } catch (const std::exception& error) {
      errors[static_cast<std::size_t>(i)] = error.what();
    }
  });
  std::erase(errors, "");
  const std::size_t drawn = drawings_.size() - errors.size();
  fmt::print("{} of {} figures drawn in {}\n", drawn, drawings_.size(),
             options_.directory.string());
  if (!errors.empty())
    throw FigureError(fmt::format("{} of {} figures could not be drawn, their data is kept: {}",
                                  errors.size(), drawings_.size(), errors.front()));
}

}  // namespace gradflow
