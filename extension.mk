# The extension: shared library, install script, control file. Everything else is in the Makefile.

EXTENSION = pganalytics
EXTVERSION = 3.2.0

MODULE_big = pganalytics
PG_SOURCES = $(wildcard src/pg/*.cpp) $(wildcard bgworker/*.cpp) src/core/address.cpp src/core/host_list.cpp src/core/rate_table.cpp src/protocol/accounts.cpp src/protocol/catalog.cpp \
	src/protocol/rows.cpp src/protocol/token_text.cpp
OBJS = $(PG_SOURCES:.cpp=.o)
SQL_SOURCES = $(sort $(wildcard sql/[0-9]*.sql))
DATA_built = pganalytics--$(EXTVERSION).sql
DATA = $(wildcard pganalytics--*--*.sql)

PG_CONFIG ?= pg_config
# No exceptions in the server process: an ERROR and a throw never meet (docs/architecture.md).
PG_CXXFLAGS = -std=c++20 -Isrc -I. -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-Wall -Wextra -Wno-missing-field-initializers -fno-exceptions -fno-rtti \
	-DPGANALYTICS_VERSION='"$(EXTVERSION)"' $(WERROR)
SHLIB_LINK = -lstdc++ -lcrypto -Wl,--version-script=exports.map

# PGXS would compile LLVM bitcode of C++ for just-in-time inlining; nothing here is worth inlining.
override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(DATA_built): $(SQL_SOURCES)
	cat $^ > $@

$(OBJS): extension.mk exports.map $(wildcard src/core/*.hpp src/protocol/*.hpp src/pg/*.hpp src/pg/*.h bgworker/*.hpp)
