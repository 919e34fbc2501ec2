// Catch2's main, compiled for the browser: Debian's library has it for this processor alone.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
