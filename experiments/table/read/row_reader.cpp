#include "experiments/table/read/row_reader.h"

#include <fmt/format.h>

#include <numeric>

#include "experiments/table/read/csv.h"
#include "experiments/table/read/npy.h"
#include "experiments/table/read/npz.h"
#include "experiments/table/read/tensor_rows.h"

namespace gradflow {
namespace {

struct Foreign {  // what is well known, and not read here
  std::string_view magic, what, hint;
};
constexpr Foreign kForeign[] = {
    {"PAR1", "a Parquet file", "pandas.read_parquet(file).to_csv(\"table.csv\", index=False)"},
    {"\x89HDF", "an HDF5 file", "numpy.save(\"table.npy\", h5py.File(file)[name][:])"},
    {"MATLAB", "a MATLAB file", "numpy.save(\"table.npy\", scipy.io.loadmat(file)[name])"},
    {"\xd0\xcf\x11\xe0", "an old spreadsheet", "save it as CSV"},
    {"SIMPLE", "a FITS file", "numpy.save(\"table.npy\", astropy.io.fits.getdata(file))"},
    {"\xff\xfe", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
    {"\xfe\xff", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
};

}  // namespace

void RowReader::select(std::vector<Index> columns) {
  selected_ = std::move(columns);
  on_select();
}

std::string RowReader::place() const { return fmt::format("row {}", row_); }

void RowReader::name_columns(Index count) {
  has_names_ = false;
  for (Index i = 1; i <= count; ++i) names_.push_back(fmt::format("x{}", i));
}

void RowReader::take_words(Index column, std::vector<std::string> words) {
  const bool closed = !words.empty();
  require<FileError>(
      holds_words() || !closed,
      "read: {}: column \"{}\" must be words, and this format holds numbers; hint: CSV", source_,
      names_[static_cast<std::size_t>(column)]);
  if (holds_words()) words_[column] = {std::move(words), closed};
}

std::vector<std::string> RowReader::words(Index column) const {
  const auto found = words_.find(column);
  return found == words_.end() ? std::vector<std::string>{} : found->second.known;
}

std::unique_ptr<RowReader> read_rows(Source given, const std::string& array) {
  Source source = inflated_if_gzip(std::move(given));
  const std::string start(source.peek(16));
  require<FileError>(!start.empty(), "read: {}: it is empty", source.name());
  for (const Foreign& foreign : kForeign)
    require<FileError>(!start.starts_with(foreign.magic), "read: {}: it is {}; hint: {}",
                       source.name(), foreign.what, foreign.hint);
  std::unique_ptr<RowReader> rows;
  if (start.starts_with(kNpyMagic))
    rows = std::make_unique<NpyReader>(std::move(source));
  else if (start.starts_with("PK\x03\x04"))
    rows = npz_rows(std::move(source), array);
  else if (looks_like_safetensors(start))
    rows = std::make_unique<TensorRows>(std::move(source), array);
  else
    rows = std::make_unique<CsvReader>(std::move(source));
  std::vector<Index> all(rows->names().size());
  std::iota(all.begin(), all.end(), 0);
  rows->select(std::move(all));
  return rows;
}

}  // namespace gradflow
