#include "experiments/page/study_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/metrics/distances.h"
#include "experiments/run/files/file.h"

namespace gradflow {

std::string median_and_range(const std::vector<double>& values) {
  if (values.empty()) return "–";
  return fmt::format("{}<span class=\"kind\">{} to {}</span>", fixed(median(values), 3),
                     fixed(std::ranges::min(values), 3), fixed(std::ranges::max(values), 3));
}

void add_median_and_range(Series& series, double x, const std::vector<double>& values) {
  if (values.empty()) return;
  series.x.push_back(x);
  series.y.push_back(median(values));
  series.ranges.push_back({std::ranges::min(values), std::ranges::max(values)});
}

std::string study_page(const StudyPage& page) {
  std::string html = page_head(page.title, page.subtitle) + "</header>\n<main>\n";
  std::string answer = page.question;
  for (const std::string& one : page.tables)
    answer += fmt::format("<div class=\"wide\">{}</div>", one);
  for (const StudyFigure& figure : page.figures) {
    if (!std::filesystem::exists(figure.file)) continue;
    answer += fmt::format(
        "<figure><img alt=\"\" src=\"data:image/png;base64,{}\"><figcaption>{}</figcaption>"
        "</figure>\n",
        base64(read_file(figure.file)), figure.caption);
  }
  html += section("answer", "What was found", answer);
  html += section("again", "Make it again",
                  fmt::format("<p>This page, <code>{0}.csv</code> and <code>{0}.json</code> were "
                              "made by</p>\n<pre>{1}</pre>\n",
                              page.name, escape(page.command)));
  return html + std::string(kPageEnd);
}

}  // namespace gradflow
