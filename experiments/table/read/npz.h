// npz: an archive of arrays, as numpy.savez and savez_compressed write it: a zip file whose members
// are .npy files, stored or deflated.
//
// The one idea of zip: at the end of the file stands a directory of its members, each with the
// place where it begins. So it is read from the end, which needs all of its bytes.
//   PKWARE, "APPNOTE.TXT: .ZIP file format specification", sections 4.3 and 4.5.3 (sizes beyond 4
//   GB)
#pragma once

#include "experiments/table/read/source.h"

namespace gradflow {

// The bytes of the member `array`.npy; of the only one, if no name is given. Throws FileError for a
// damaged archive, naming what is wrong, and if there is no such array, or several and no name.
// Damage within the member throws when it is read: its checksum is checked at its end.
Source npz_member(Source archive, const std::string& array);

}  // namespace gradflow
