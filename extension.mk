# The extension: shared library, install script, control file. Everything else is in the Makefile.

EXTENSION = pganalytics
EXTVERSION = 3.2.0

MODULE_big = pganalytics
PG_SOURCES = $(sort $(shell find src/pg bgworker -name '*.cpp')) $(shell cat server_sources.txt)
OBJS = $(PG_SOURCES:.cpp=.o)
SQL_SOURCES = $(patsubst %,sql/%.sql,$(shell cat sql/order.txt))
DATA_built = pganalytics--$(EXTVERSION).sql
DATA = $(wildcard pganalytics--*--*.sql)

PG_CONFIG ?= pg_config
# No exceptions in the server process: an ERROR and a throw never meet (docs/inside/architecture.md).
PG_CXXFLAGS = -std=c++20 -Isrc -I. -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-Wall -Wextra -Wno-missing-field-initializers -fno-exceptions -fno-rtti -ffp-contract=off \
	-DPGANALYTICS_VERSION='"$(EXTVERSION)"' $(WERROR)
SHLIB_LINK = -lstdc++ -lcrypto -Wl,--version-script=exports.map

# PGXS would compile LLVM bitcode of C++ for just-in-time inlining; nothing here is worth inlining.
override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The lists of columns of query statistics come from the metric catalog, those of counters from their table.
COLUMN_TABLES = src/protocol/catalog/queries.hpp src/protocol/worker_counters.def
$(DATA_built): sql/install_script.awk $(COLUMN_TABLES) $(SQL_SOURCES) sql/order.txt
	awk -f sql/install_script.awk $(COLUMN_TABLES) $(SQL_SOURCES) > $@
.DELETE_ON_ERROR:

$(OBJS): extension.mk exports.map $(shell find src/core src/protocol src/redact src/pg bgworker -name '*.hpp' -o -name '*.h' -o -name '*.def')
