# make            build the extension and the programs
# make install    install them, with their manual pages (as root); make uninstall removes them
# make installcheck  the SQL tests of what is installed, on a server of their own; needs no running one
# make dist       the source archives of what is committed, in dist; make packages builds and tries the Debian packages (as root)
# make demo       everything on this machine, from nothing to the top queries; DEMO_SECONDS=20 ends by itself
# make check      every suite; each runs alone as make check-lint, check-unit, check-regress, ...
# make check-long  promises at their full counts, in minutes to hours
# make check-pg17  the suites on Debian 13 with PostgreSQL 17; make check-pg18 on the next release with 18 (as root)
# make bench      the tables of docs/inside/performance.md, in about 15 minutes
# make bench-check  compares what a push costs with bench/baseline.json; UPDATE=1 stores it anew

PG_CONFIG ?= pg_config
# Asked when a recipe runs: on a new machine `make deps` has to bring pg_config first.
PG_BINDIR = $(shell $(PG_CONFIG) --bindir)
DATADIR = $(shell $(PG_CONFIG) --sharedir)
PROGRAMS = build/src/gateway/pganalytics-gateway build/src/ca/pganalytics-ca \
	build/src/collector/pganalytics-collector build/src/courier/pganalytics-courier
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
MANDIR ?= /usr/local/share/man
EXAMPLEDIR ?= $(DATADIR)/pganalytics
# Where people call the collector; the server's programs are called by the server alone.
BINDIR ?= /usr/local/bin
# Programs are installed without symbols. Those in the build tree keep theirs, under the same build ids, for a
# debugger or perf; `make install STRIP=` installs them with it all.
STRIP ?= -s

.PHONY: all extension programs
all: extension programs

extension:
	$(MAKE) -f extension.mk --jobs $(JOBS) all

programs: build/CMakeCache.txt
	cmake --build build --parallel $(JOBS) \
		--target pganalytics-gateway pganalytics-ca pganalytics-collector pganalytics-courier

build/CMakeCache.txt:
	cmake -S . -B build

.PHONY: install uninstall clean
install: all
	$(MAKE) -f extension.mk install
	install -d '$(DESTDIR)$(PG_BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man8' '$(DESTDIR)$(EXAMPLEDIR)/prometheus' '$(DESTDIR)$(EXAMPLEDIR)/systemd'
	install $(STRIP) -m 755 $(PROGRAMS) '$(DESTDIR)$(PG_BINDIR)'
	install -d '$(DESTDIR)$(BINDIR)'
	test '$(BINDIR)' = '$(PG_BINDIR)' || \
		ln -sf '$(PG_BINDIR)/pganalytics-collector' '$(DESTDIR)$(BINDIR)/pganalytics-collector'
	install -m 644 docs/man/pganalytics-collector.1 '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 docs/man/pganalytics-gateway.8 docs/man/pganalytics-ca.8 docs/man/pganalytics-courier.8 \
		'$(DESTDIR)$(MANDIR)/man8'
	install -m 644 contrib/collector.toml.example '$(DESTDIR)$(EXAMPLEDIR)'
	install -m 644 contrib/prometheus/*.yml '$(DESTDIR)$(EXAMPLEDIR)/prometheus'
	install -m 644 contrib/systemd/pganalytics-collector.* '$(DESTDIR)$(EXAMPLEDIR)/systemd'
	sed -i 's|^ExecStart=/usr/bin/|ExecStart=$(BINDIR)/|' '$(DESTDIR)$(EXAMPLEDIR)/systemd/pganalytics-collector.service'

uninstall:
	$(MAKE) -f extension.mk uninstall
	cd '$(DESTDIR)$(PG_BINDIR)' && rm -f $(notdir $(PROGRAMS))
	rm -f '$(DESTDIR)$(BINDIR)/pganalytics-collector'
	rm -f '$(DESTDIR)$(MANDIR)'/man1/pganalytics-collector.1 '$(DESTDIR)$(MANDIR)'/man8/pganalytics-*.8
	rm -rf '$(DESTDIR)$(EXAMPLEDIR)'

clean:
	$(MAKE) -f extension.mk clean
	rm -rf build

VERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pganalytics.control)
ARCHIVE = dist/pganalytics-$(VERSION).tar.gz
.PHONY: dist packages
dist:
	mkdir -p dist
	git archive --prefix=pganalytics-$(VERSION)/ HEAD | gzip -9n > $(ARCHIVE)
	git archive --prefix=pganalytics-$(VERSION)/ --format=zip -9 --output=$(ARCHIVE:.tar.gz=.zip) HEAD
	cd dist && sha256sum $(notdir $(ARCHIVE) $(ARCHIVE:.tar.gz=.zip)) > SHA256SUMS
packages: dist
	scripts/packages $(ARCHIVE) bookworm trixie

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
.PHONY: check check-long installcheck install-for-tests check-lint check-unit check-regress check-isolation check-dump check-e2e check-dates check-fuzz \
	check-bench
CHECKS = check-lint check-unit check-regress check-isolation check-dump check-e2e check-dates check-fuzz check-bench
check:
	@scripts/check $(CHECKS)

install-for-tests: all
	$(SUDO) $(MAKE) install

check-lint: deps-test
	scripts/lint
check-unit: deps-test
	cmake -S . -B build -DPGANALYTICS_TESTS=ON -DPGANALYTICS_WERROR=ON
	cmake --build build --parallel $(JOBS)
	ctest --test-dir build --parallel $(JOBS) --output-on-failure
check-regress: deps-test install-for-tests
	scripts/regress regress
installcheck:
	scripts/regress regress
check-isolation: deps-test install-for-tests
	scripts/regress isolation
check-dump: deps-test install-for-tests
	scripts/regress dump
check-e2e: deps-test install-for-tests
	scripts/e2e
check-dates: deps-test install-for-tests
	scripts/dates
check-long: deps-test install-for-tests
	scripts/e2e -s test/e2e/long
check-fuzz: deps-test
	scripts/fuzz

check-bench: bench-check

# The suites on Debian 13 and on what comes after it, with PostgreSQL 17 and 18 (as root). All but lint, fuzz and bench.
ELSEWHERE = make check-unit check-regress check-isolation check-dump check-e2e
.PHONY: check-pg17 check-pg18
check-pg17:
	scripts/elsewhere trixie $(ELSEWHERE)
check-pg18:
	scripts/elsewhere forky $(ELSEWHERE)

.PHONY: bench bench-check
bench: deps-bench install-for-tests
	bench/run
bench-check: deps-bench install-for-tests
	bench/check $(if $(UPDATE),--update)

.PHONY: format
format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 -i
