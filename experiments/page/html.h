// The letters of the report page: text, numbers, tables and sections as HTML.
//
// The idea: every function returns a piece of HTML as a string, and a page is their concatenation.
// A number that is not finite is printed as a dash.
//
// Read next: report_page.cpp, which puts a page together.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace gradflow {

std::string escape(std::string_view text);  // for whatever comes from outside; nothing: a dash
std::string base64(std::string_view bytes);
// Of nothing, a dash.
std::string join(const std::vector<std::string>& items, std::string_view separator);

std::string spoken(std::string name);  // "spline coupling": a name without underscores
std::string fixed(double x, int decimals);      // −1.50
std::string with_sign(double x, int decimals);  // +1.50
std::string scientific(double x);               // 1.5 × 10⁻³
std::string percent(double share);              // 0.775 as 77.5 %
std::string duration(double seconds);           // 2 min 23 s
std::string step(double dt);                    // 0.02, 1/3
std::string coordinates(const std::array<double, 2>& v);

std::string strong(std::string_view html);
std::string theirs(std::string_view html);  // a number that is not this run's own
std::string section(std::string_view id, std::string_view title, std::string_view content);

// A page from its beginning to the subtitle of its header, which is still open; and its end.
std::string page_head(std::string_view title, std::string_view subtitle);
inline constexpr std::string_view kPageEnd = "</main>\n</body>\n</html>\n";

// The first cell of a row names it. No rows, no table.
using Cells = std::vector<std::string>;
std::string table(std::string_view id, std::string_view caption, const Cells& head,
                  const std::vector<Cells>& rows);

}  // namespace gradflow
