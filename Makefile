# make            build the extension and the programs
# make install    install them, with their manual pages (as root)
# make demo       everything on this machine, from nothing to the top queries; DEMO_SECONDS=20 ends by itself
# make check      every suite; each runs alone as make check-lint, check-unit, check-regress, ...
# make bench      the table of docs/performance.md

EXTENSION = pganalytics
VERSION = 3.2.0

MODULE_big = pganalytics
PG_SOURCES = $(wildcard src/pg/*.cpp) $(wildcard bgworker/*.cpp) src/protocol/catalog.cpp src/protocol/rows.cpp
OBJS = $(PG_SOURCES:.cpp=.o)
SQL_SOURCES = $(sort $(wildcard sql/[0-9]*.sql))
DATA_built = pganalytics--$(VERSION).sql
DATA = $(wildcard pganalytics--*--*.sql)

PG_CONFIG ?= pg_config
PG_BINDIR := $(shell $(PG_CONFIG) --bindir)
# No exceptions in the server process: an ERROR and a throw never meet (docs/architecture.md).
PG_CXXFLAGS = -std=c++20 -Isrc -I. -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-Wall -Wextra -Wno-missing-field-initializers -fno-exceptions -fno-rtti \
	-DPGANALYTICS_VERSION='"$(VERSION)"' $(WERROR)
SHLIB_LINK = -lstdc++ -Wl,--version-script=exports.map
EXTRA_CLEAN = build

# PGXS would compile LLVM bitcode of C++ for just-in-time inlining; nothing here is worth inlining.
override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

PROGRAMS = build/src/gateway/pganalytics-gateway build/src/collector/pganalytics-collector
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
MANDIR ?= /usr/local/share/man
EXAMPLEDIR ?= $(datadir)/pganalytics

all: programs

$(DATA_built): $(SQL_SOURCES)
	cat $^ > $@

$(OBJS): Makefile exports.map

.PHONY: programs
programs: build/CMakeCache.txt
	cmake --build build --parallel $(JOBS) --target pganalytics-gateway pganalytics-collector

build/CMakeCache.txt:
	cmake -S . -B build

install: install-programs
.PHONY: install-programs
install-programs: programs
	install -d '$(DESTDIR)$(PG_BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man8' '$(DESTDIR)$(EXAMPLEDIR)'
	install -m 755 $(PROGRAMS) '$(DESTDIR)$(PG_BINDIR)'
	install -m 644 docs/man/pganalytics-collector.1 '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 docs/man/pganalytics-gateway.8 '$(DESTDIR)$(MANDIR)/man8'
	install -m 644 docs/collector.toml.example '$(DESTDIR)$(EXAMPLEDIR)'

.PHONY: demo deps deps-test deps-bench
demo:
	@scripts/demo
deps:
	@scripts/deps build
deps-test:
	@scripts/deps build test
deps-bench:
	@scripts/deps build test bench

# sudo where the caller may not write to PostgreSQL's directories; `make install` itself asks nothing.
SUDO = $(shell test -w '$(PG_BINDIR)' || echo sudo)
.PHONY: check install-for-tests check-lint check-unit check-regress check-isolation check-dump check-e2e check-fuzz
CHECKS = check-lint check-unit check-regress check-isolation check-dump check-e2e check-fuzz
check:
	@scripts/check $(CHECKS)

install-for-tests: all
	$(SUDO) $(MAKE) install

check-lint: deps-test
	scripts/lint
check-unit: deps-test
	cmake -S . -B build -DPGANALYTICS_TESTS=ON
	cmake --build build --parallel $(JOBS)
	ctest --test-dir build --output-on-failure
check-regress: deps-test install-for-tests
	scripts/regress regress
check-isolation: deps-test install-for-tests
	scripts/regress isolation
check-dump: deps-test install-for-tests
	scripts/regress dump
check-e2e: deps-test install-for-tests
	scripts/e2e
check-fuzz: deps-test
	scripts/fuzz

.PHONY: bench
bench: deps-bench install-for-tests
	bench/run

.PHONY: format
format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 -i
