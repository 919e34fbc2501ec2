// npz: an archive of arrays, as numpy.savez and savez_compressed write it: a zip file whose members
// are .npy files, stored or deflated.
//
// The one idea of zip: at the end of the file stands a directory of its members, each with the
// place where it begins. So it is read from the end, which needs all of its bytes.
//   PKWARE, "APPNOTE.TXT: .ZIP file format specification", sections 4.3 and 4.5.3 (sizes beyond 4
//   GB)
#pragma once

#include "experiments/table/read/row_reader.h"

namespace gradflow {

// The array of that name. Without one: the only array; or, if all have one axis and one length, a
// column for each. Throws FileError for a damaged archive, naming what is wrong, and if there is no
// such array, or several that are no columns. Damage within an array throws when it is read: its
// checksum is checked at its end.
std::unique_ptr<RowReader> npz_rows(Source archive, const std::string& array);

}  // namespace gradflow
