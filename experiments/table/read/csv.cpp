#include "experiments/table/read/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace gradflow {
namespace {

constexpr std::size_t kPiece = 1 << 16, kLongestRecord = 1 << 26;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_quoted(std::string_view field) {
  return field.size() >= 2 && field.front() == '"' && field.back() == '"';
}

// The place where a field that begins at `at` ends.
std::size_t field_end(std::string_view record, std::size_t at, char delimiter) {
  const std::size_t first = record.find_first_not_of(' ', at);
  if (first != record.npos && record[first] == '"') {
    at = first + 1;
    while (at < record.size() && record[at] != '"') ++at;
    // A doubled quote closes one quoted piece and opens the next.
    while (at + 1 < record.size() && record[at + 1] == '"') {
      at += 2;
      while (at < record.size() && record[at] != '"') ++at;
    }
  }
  const std::size_t end = record.find(delimiter, std::min(at, record.size()));
  return end == record.npos ? record.size() : end;
}

// Calls visit(i, field) for each field of a record and returns how many there are. A delimiter ' '
// stands for any number of blanks.
template <class Visit>
Index split(std::string_view record, char delimiter, const Visit& visit) {
  if (delimiter == ' ') record = trimmed(record);
  Index count = 0;
  for (std::size_t at = 0;; ++count) {
    const std::size_t end = delimiter == ' ' && record.find('\t', at) != record.npos
                                ? std::min(field_end(record, at, ' '), field_end(record, at, '\t'))
                                : field_end(record, at, delimiter);
    visit(count, record.substr(at, end - at));
    if (end == record.size()) return count + 1;
    at = end + 1;
    while (delimiter == ' ' && at < record.size() && is_blank(record[at])) ++at;
  }
}

std::string unquoted(std::string_view field) {
  field = trimmed(field);
  if (!is_quoted(field)) return std::string(field);
  field = field.substr(1, field.size() - 2);
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    text += field[i];
    if (field[i] == '"' && i + 1 < field.size() && field[i + 1] == '"') ++i;
  }
  return text;
}

bool means_missing(std::string_view field) {
  std::string small;
  if (field.size() > 4) return false;
  for (const char c : field) small += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (const char* word : {"", "na", "n/a", "nan", "null", "none", "?", "-"})
    if (small == word) return true;
  return false;
}

// The delimiter of the first line, as the file says.
char delimiter_of(std::string_view line) {
  for (const char c : {'\t', ';', ','})
    if (field_end(line, 0, c) < line.size()) return c;
  const std::string_view inner = trimmed(line);
  return field_end(inner, 0, ' ') < inner.size() ? ' ' : ',';
}

// What columns are called; one without a name by its place, so that an option can tell it.
std::vector<std::string> names_in(std::string_view line, char delimiter) {
  std::vector<std::string> names;
  split(line, delimiter, [&](Index i, std::string_view field) {
    names.push_back(unquoted(field));
    if (names.back().empty()) names.back() = fmt::format("x{}", i + 1);
  });
  return names;
}

}  // namespace

std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> fields;
  split(line, ',', [&](Index, std::string_view field) { fields.push_back(unquoted(field)); });
  return fields;
}

std::optional<double> number_of(std::string_view field) {
  field = trimmed(field);
  if (is_quoted(field)) field = trimmed(field.substr(1, field.size() - 2));
  if (field.size() > 1 && field.front() == '+' && field[1] != '-') field.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (stop == field.data() + field.size() && !field.empty()) {
    if (error == std::errc{}) return value;
    // Beyond the range of double: infinite or 0, which strtod tells apart.
    if (error == std::errc::result_out_of_range) return std::strtod(std::string(field).c_str(), {});
  }
  if (means_missing(field)) return kMissing;
  return {};
}

CsvReader::CsvReader(Source source) : bytes_(std::move(source)), buffer_(kPiece) {
  source_ = bytes_.name();
  if (bytes_.peek(3) == "\xef\xbb\xbf") {  // a byte order mark
    std::array<char, 3> mark{};
    bytes_.read(mark.data(), mark.size());
  }
  std::optional<std::string> heading;  // the last of the lines that begin with #
  bool there = next_record();
  for (; there && record_.starts_with('#'); there = next_record()) heading = record_.substr(1);
  require<FileError>(there || heading, "read: {}: it has no line", source_);
  const std::string line(there ? record_ : *heading);
  require<FileError>(line.find('\0') == line.npos,
                     "read: {}: it is no table: a zero byte in its first line", source_);
  delimiter_ = delimiter_of(line);
  bool numbers = true;
  const Index count = split(line, delimiter_, [&](Index, std::string_view field) {
    numbers &= number_of(field).has_value();
  });
  if (heading) names_ = names_in(*heading, delimiter_);
  const bool is_named = std::ssize(names_) == count;  // else it was a comment
  pending_ = there && (is_named || numbers);
  if (is_named) return;
  names_.clear();
  if (numbers)
    name_columns(count);
  else
    names_ = names_in(line, delimiter_);
}

bool CsvReader::next(std::span<double> row) {
  if (!std::exchange(pending_, false) && !next_record()) return false;
  ++row_;
  const Index columns = std::ssize(names_);
  fields_ = split(record_, delimiter_, [&](Index i, std::string_view field) {
    if (i >= columns) return;
    const Index place = places_[static_cast<std::size_t>(i)];
    if (place >= 0) row[static_cast<std::size_t>(place)] = number(field, i);
  });
  if (fields_ != columns) std::ranges::fill(row, kMissing);
  return true;
}

std::string CsvReader::place() const { return fmt::format("row {} (line {})", row_, line_); }

void CsvReader::on_select() {
  places_.assign(names_.size(), -1);
  for (std::size_t k = 0; k < selected_.size(); ++k)
    places_[static_cast<std::size_t>(selected_[k])] = static_cast<Index>(k);
}

double CsvReader::number(std::string_view field, Index column) {
  if (!words_.empty())
    if (const auto found = words_.find(column); found != words_.end())
      return word(field, column, found->second);
  return number_of(field).value_or(kMissing);
}

std::vector<bool> CsvReader::note_strangers(Faults& faults) const {
  constexpr auto kKind = Faults::Kind::fields;
  const Index columns = std::ssize(names_);
  std::vector<bool> noted(names_.size(), fields_ != columns);
  if (fields_ == columns)
    split(record_, delimiter_, [&](Index i, std::string_view field) {
      if (!is_selected(i) || !is_stranger(field, i)) return;
      noted[static_cast<std::size_t>(i)] = true;
      note_stranger(field, i, faults);
    });
  else if (!faults.again(kKind, -1))
    faults.add(
        kKind, -1, "",
        fmt::format("{} has {} fields; {} are required, as in line 1", place(), fields_, columns));
  return noted;
}

// Neither a number, or one of the words that are taken, nor missing.
bool CsvReader::is_stranger(std::string_view field, Index column) const {
  const auto words = words_.find(column);
  if (words == words_.end()) return !number_of(field);
  const std::string text = unquoted(field);
  const std::vector<std::string>& known = words->second.known;
  return !means_missing(text) && std::ranges::find(known, text) == known.end();
}

void CsvReader::note_stranger(std::string_view field, Index column, Faults& faults) const {
  const auto words = words_.find(column);
  const bool of_words = words != words_.end();
  const Faults::Kind kind = of_words ? Faults::Kind::no_word : Faults::Kind::no_number;
  if (faults.again(kind, column)) return;
  const std::string name = names_[static_cast<std::size_t>(column)], what = about(field, column),
                    except = faults.columns_may_go() ? leaving_out({name}) : "";
  if (of_words && words->second.closed)
    return faults.add(kind, column, "",
                      fmt::format("{} is none of: {:.200}", what,
                                  fmt::format("{}", fmt::join(words->second.known, ", "))));
  if (of_words)
    return faults.add(
        kind, column, name,
        fmt::format("{} is one more word than the {} that a class may have", what, kMostWords),
        except);
  if (delimiter_ != ',' && field.find(',') != field.npos)
    return faults.add(kind, column, "", what + " is no number",
                      "decimals need a point, not a comma: tr , . < FILE");
  const bool throughout = row_ == 1 && faults.columns_may_go();  // so does its first field
  faults.add(kind, column, name, what + " is no number",
             except + (throughout ? fmt::format(", --given {} takes it for a class of at most {} "
                                                "words",
                                                as_argument({name}), kMostWords)
                                  : ""));
}

// What the first field is, a word or a number, all are.
double CsvReader::word(std::string_view field, Index column, Words& words) {
  const std::string text = unquoted(field);
  if (means_missing(text)) return kMissing;
  if (words.known.empty() && number_of(field)) {
    words_.erase(column);
    return number(field, column);
  }
  const auto found = std::ranges::find(words.known, text);
  if (found != words.known.end()) return static_cast<double>(found - words.known.begin());
  if (words.closed || words.known.size() == kMostWords) return kMissing;
  words.known.push_back(text);
  return static_cast<double>(words.known.size() - 1);
}

std::string CsvReader::about(std::string_view field, Index column) const {
  return fmt::format("{}, column \"{}\": \"{:.40}\"", place(),
                     names_[static_cast<std::size_t>(column)], trimmed(field));
}

bool CsvReader::next_record() {
  while (find_record())
    if (!trimmed(record_).empty()) return true;
  return false;
}

// A record is a line, unless a quote is open at its end.
bool CsvReader::find_record() {
  std::size_t size = 0;  // of the part that has been looked at
  Index lines = 0;
  bool open = false;
  for (;;) {
    const char* const start = buffer_.data() + begin_ + size;
    const auto* const found =
        static_cast<const char*>(std::memchr(start, '\n', end_ - begin_ - size));
    if (!found) {
      if (fill()) continue;
      if (begin_ == end_) return false;
    }
    const std::size_t stop = found ? static_cast<std::size_t>(found - buffer_.data()) : end_;
    const std::string_view piece(buffer_.data() + begin_ + size, stop - begin_ - size);
    if (std::memchr(piece.data(), '"', piece.size()))
      open ^= std::count(piece.begin(), piece.end(), '"') % 2 != 0;
    ++lines;
    size = stop - begin_ + (found ? 1 : 0);
    if (open && found) continue;
    require<FileError>(!open, "read: {}: a quote that begins in line {} does not end", source_,
                       next_line_);
    record_ = {buffer_.data() + begin_, stop - begin_};
    if (record_.ends_with('\r')) record_.remove_suffix(1);
    begin_ += size;
    line_ = std::exchange(next_line_, next_line_ + lines);
    return true;
  }
}

bool CsvReader::fill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  end_ -= std::exchange(begin_, 0);
  if (end_ == buffer_.size()) {
    require<FileError>(buffer_.size() < kLongestRecord,
                       "read: {}: line {} is longer than {} bytes; hint: is it a table?", source_,
                       next_line_, kLongestRecord);
    buffer_.resize(2 * buffer_.size());
  }
  const std::size_t count = bytes_.read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += count;
  return count > 0;
}

}  // namespace gradflow
