// The report page: one HTML file, nothing external.
//
// The idea: the prose is fixed, the numbers are this run's own. What was not measured is a dash or
// is left out, and a box at the top says what is missing.
//
// Read next: report_page.cpp (the frame), models.cpp (sections 1 to 3), comparison.cpp
// (section 4), beyond.cpp (section 5).
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "experiments/page/report_data.h"

namespace gradflow {

// All of it, as HTML.
std::string report_page(const Report& report);

// Its sections.
std::string normalizing_flow_section(const Report& report);
std::string flow_matching_section(const Report& report);
std::string conditional_section(const Report& report);
std::string comparison_section(const Report& report);
std::string beyond_section(const Report& report);

// Two figures, or other pieces of HTML, in two columns.
std::string side_by_side(std::string_view left, std::string_view right);

// What the sections share. `stem` is that of a figure in reference.h.
std::string link(std::string_view stem);
// The picture, its caption and, below, what it shows in this run's numbers.
std::string figure(const Report& report, std::string_view stem, std::string_view reading);
std::string point_name(std::size_t i);
Numbers own_rings(const Json& run);  // in the order of kRings
// Of any model: as measured, or that of Euler's method at its finest step, or the mean of the
// rings.
double share_on_ring(const Json& run);
Numbers radii(const Json& run);  // of the latents of the five points
// The five points' numbers, those of the points on the rings apart from the others'.
std::pair<Numbers, Numbers> split(const Numbers& of_points);

}  // namespace gradflow
