#include "experiments/page/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "experiments/page/style.h"

namespace gradflow {
namespace {

constexpr std::string_view kDash = "–";

constexpr std::string_view kHead = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{0} – gradflow</title>
<style>{1}</style>
</head>
<body>
<header>
<p class="kicker">gradflow</p>
<h1>{0}</h1>
<p class="subtitle">{2}</p>
)html";

// A hyphen is too short for a minus.
std::string with_minus(std::string digits) {
  if (digits.starts_with('-')) digits.replace(0, 1, "−");
  return digits;
}

}  // namespace

std::string page_head(std::string_view title, std::string_view subtitle) {
  return fmt::format(kHead, title, kStyle, subtitle);
}

std::string escape(std::string_view text) {
  std::string html;
  for (const char c : text) {
    if (std::string_view("&<>\"'").find(c) != std::string_view::npos)
      html += fmt::format("&#{};", static_cast<int>(c));
    else
      html += c;
  }
  return html.empty() ? std::string(kDash) : html;
}

// Three bytes become four letters; what is missing of the last three is marked by '='.
std::string base64(std::string_view bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      result += k <= group.size() ? letters[bits >> (18 - 6 * k) & 63] : '=';
  }
  return result;
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  return items.empty() ? std::string(kDash) : fmt::format("{}", fmt::join(items, separator));
}

std::string scientific(double x) {
  if (!std::isfinite(x)) return std::string(kDash);
  if (x == 0) return "0";
  const std::string digits = fmt::format("{:.1e}", x);
  const std::size_t e = digits.find('e');
  return fmt::format("{}&nbsp;×&nbsp;10<sup>{}</sup>", with_minus(digits.substr(0, e)),
                     with_minus(std::to_string(std::stoi(digits.substr(e + 1)))));
}

std::string spoken(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string fixed(double x, int decimals) {
  if (!(std::abs(x) < 1e5)) return scientific(x);
  return with_minus(fmt::format("{:.{}f}", x, decimals));
}

std::string with_sign(double x, int decimals) {
  return std::string(x > 0 ? "+" : "") + fixed(x, decimals);
}

std::string percent(double share) {
  return std::isfinite(share) ? fixed(100 * share, 1) + "&nbsp;%" : std::string(kDash);
}

std::string duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e7)) return std::string(kDash);
  const long s = std::lround(seconds);
  if (s < 120) return fmt::format("{:.{}f}&nbsp;s", seconds, s < 10 ? 1 : 0);
  if (s < 7200) return fmt::format("{}&nbsp;min {:02}&nbsp;s", s / 60, s % 60);
  return fmt::format("{}&nbsp;h {:02}&nbsp;min", s / 3600, s % 3600 / 60);
}

std::string step(double dt) {
  if (!std::isfinite(dt)) return std::string(kDash);
  return std::abs(3 * dt - 1) < 1e-3 ? "1/3" : fmt::format("{:.3g}", dt);
}

std::string coordinates(const std::array<double, 2>& v) {
  return fmt::format("({}, {})", fixed(v[0], 2), fixed(v[1], 2));
}

std::string strong(std::string_view html) { return fmt::format("<b>{}</b>", html); }

std::string theirs(std::string_view html) {
  return fmt::format("<span class=\"ref\">{}</span>", html);
}

std::string section(std::string_view id, std::string_view title, std::string_view content) {
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n"
      "{2}</section>\n\n",
      id, title, content);
}

// A table wider than the screen scrolls in a box of its own, reachable by keyboard; its caption,
// which should not scroll away with it, is the one of a figure around it.
std::string table(std::string_view id, std::string_view caption, const Cells& head,
                  const std::vector<Cells>& rows) {
  if (rows.empty()) return "";
  std::string html = fmt::format(
      "<figure class=\"table\">\n<figcaption id=\"{0}\">{1}</figcaption>\n"
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{0}\">\n"
      "<table aria-labelledby=\"{0}\">\n<thead><tr>",
      id, caption);
  for (const std::string& cell : head) html += fmt::format("<th scope=\"col\">{}</th>", cell);
  html += "</tr></thead>\n<tbody>\n";
  for (const Cells& cells : rows) {
    html += fmt::format("<tr><th scope=\"row\">{}</th>", cells.front());
    for (std::size_t i = 1; i < cells.size(); ++i) html += fmt::format("<td>{}</td>", cells[i]);
    html += "</tr>\n";
  }
  return html + "</tbody>\n</table>\n</div>\n</figure>\n";
}

}  // namespace gradflow
