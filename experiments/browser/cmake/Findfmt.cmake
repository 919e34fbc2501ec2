# fmt for the browser: its headers alone. In a folder of links, since the one where they lie holds those of
# this machine's C library, too, which are not the browser's.
find_path(FMT_HEADERS fmt/format.h NO_CMAKE_FIND_ROOT_PATH PATHS /usr/include /usr/local/include)
if(FMT_HEADERS AND NOT TARGET fmt::fmt)
  set(links ${PROJECT_BINARY_DIR}/include)
  file(MAKE_DIRECTORY ${links})
  file(CREATE_LINK ${FMT_HEADERS}/fmt ${links}/fmt SYMBOLIC)
  add_library(fmt::fmt INTERFACE IMPORTED GLOBAL)
  target_include_directories(fmt::fmt SYSTEM INTERFACE ${links})
  target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(fmt REQUIRED_VARS FMT_HEADERS)
