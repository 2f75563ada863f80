# One Makefile, no recursion. Rooms are folders below appcenter/, one static archive each; everything built is under
# $(B). `make deps` first on a bare machine; `make demo` and `make test` do it by themselves.
#
#   make B=build-asan SANITIZE=address,undefined     another build beside the first
#   make CC=clang                                    another compiler

B      ?= build
CC     ?= gcc
ifeq ($(origin CC),default)
CC     := gcc
endif
PYTHON ?= /usr/bin/python3
PREFIX ?= /usr/local
DESTDIR ?=

ROOMS     := base model trust qpkg ports engine vendor daemon job cli compat
PKG_ALL   := glib-2.0 jansson libcurl libarchive openssl sqlite3 libzstd zlib libseccomp libsolv libmicrohttpd

WARN      := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
OPT       ?= -O2 -g
ifneq ($(SANITIZE),)
SAN       := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DG_LOG_DOMAIN=\"appcenter\" $(WARN) $(OPT) $(SAN) \
             -fstack-protector-strong -fPIE -Iappcenter -I$(B)/gen $(CFLAGS)
ifeq ($(SANITIZE),)
CFLAGS_ALL += -D_FORTIFY_SOURCE=2
endif
ifneq ($(SOURCE_DATE_EPOCH),)
CFLAGS_ALL += -DAPPCENTER_BUILD_TIME=$(SOURCE_DATE_EPOCH)
endif
LDFLAGS_ALL = -pie -Wl,--as-needed -Wl,-z,relro,-z,now $(SAN) $(LDFLAGS)

# Foreign libraries: $(B)/flags.mk holds what pkg-config says. make builds it first and starts over, so that the flags
# are right even when a goal has just installed the libraries. --as-needed keeps each out of programs that do not use it.
ifeq ($(filter clean,$(MAKECMDGOALS)),)
include $(B)/flags.mk
endif
MAY_INSTALL := $(if $(filter deps demo test check-asan lint bench sim conformance fuzz,$(MAKECMDGOALS)),yes,no)
$(B)/flags.mk: Makefile tests/deps.sh
	@mkdir -p $(@D)
	@sh tests/deps.sh $(MAY_INSTALL) build
	@{ echo "CFLAGS_PKG := $$(pkg-config --cflags $(PKG_ALL))"; \
	   echo "LIBS_ALL := $$(pkg-config --libs $(PKG_ALL))"; } > $@

# Floors: what each room may link, itself first.
DOWN_base   := base
DOWN_model  := model base
DOWN_trust  := trust base
DOWN_qpkg   := qpkg trust model base
DOWN_ports  := ports qpkg trust model base
DOWN_engine := engine ports qpkg trust model base
DOWN_vendor := vendor ports qpkg trust model base
DOWN_job    := job engine ports qpkg trust model base
DOWN_daemon := daemon ports model base
DOWN_cli    := cli model base
DOWN_compat := compat base

src  = $(sort $(wildcard appcenter/$(1)/*.c))
objs = $(patsubst appcenter/%.c,$(B)/obj/%.o,$(filter-out %/main.c,$(call src,$(1))))
lib  = $(B)/lib/lib$(1).a
down = $(foreach r,$(DOWN_$(1)),$(call lib,$(r)))

PROGRAMS := $(B)/bin/appcenterd $(B)/bin/appctl $(B)/bin/appvendor $(B)/libexec/appcenter-job
TOOLS    := $(B)/libexec/tools/getcfg $(B)/libexec/tools/setcfg

all: $(PROGRAMS) $(TOOLS)

.PHONY: all deps demo test fuzz fuzzers units unit e2e bench sim reasons conformance planted planted-crash torture check-asan lint install deb clean help
.DELETE_ON_ERROR:
.SECONDARY:

$(B)/obj/%.o: appcenter/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -MMD -MP -c $< -o $@

# SQL is linked in as C strings, a row a file. Not as a GResource: GIO and what it pulls in would cost the daemon a sixth of its
# memory.
SQL := $(sort $(wildcard appcenter/ports/sql/*.sql))
$(B)/gen/sql_files.c: $(SQL) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "ports/store_internal.h"'; echo 'const SqlFile sql_files[] = {'; \
	   for f in $(SQL); do echo "{\"$${f##*/}\","; sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $$f; echo '},'; done; \
	   echo '{NULL, NULL}};'; } > $@
$(B)/obj/ports/sql_files.o: $(B)/gen/sql_files.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -MMD -MP -c $< -o $@
$(call lib,ports): $(B)/obj/ports/sql_files.o
-include $(B)/obj/ports/sql_files.d

# The engine's tests stand between engine and solver, to see what becomes of a plan that is wrong or never ends.
WRAP_engine := -Wl,--wrap=solve,--wrap=solve_prober_new

define room_rules
$$(call lib,$(1)): $$(call objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$(filter %.o,$$^)
-include $$(patsubst appcenter/%.c,$$(B)/obj/%.d,$$(call src,$(1)))

UNIT_$(1) := $$(patsubst tests/unit/%.c,$$(B)/obj/tests/unit/%.o,$$(sort $$(wildcard tests/unit/$(1)/*.c)))
$$(B)/tests/unit-$(1): $$(UNIT_$(1)) $$(call down,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) $$(WRAP_$(1)) $$(UNIT_$(1)) -Wl,--whole-archive $$(call lib,$(1)) -Wl,--no-whole-archive \
	  $$(filter-out $$(call lib,$(1)),$$(call down,$(1))) $$(LIBS_ALL) -o $$@
-include $$(UNIT_$(1):.o=.d)
UNITS += $$(if $$(UNIT_$(1)),$$(B)/tests/unit-$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

$(B)/obj/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -Itests/unit -MMD -MP -c $< -o $@

# The product's unpacking alone: for the attack corpus (make test) and the benchmark (make bench).
UNITS += $(B)/tests/bench-unpack
$(B)/obj/tests/bench/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -MMD -MP -c $< -o $@
$(B)/tests/bench-%: $(B)/obj/tests/bench/%.o $(call down,ports)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $< $(call down,ports) $(LIBS_ALL) -o $@
-include $(B)/obj/tests/bench/unpack.d

define program_rules
$(1): $$(B)/obj/$(2)/main.o $$(call down,$(2))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) $$(B)/obj/$(2)/main.o $$(call down,$(2)) $$(LIBS_ALL) -o $$@
endef
$(eval $(call program_rules,$(B)/bin/appcenterd,daemon))
$(eval $(call program_rules,$(B)/bin/appctl,cli))
$(eval $(call program_rules,$(B)/bin/appvendor,vendor))
$(eval $(call program_rules,$(B)/libexec/appcenter-job,job))
$(eval $(call program_rules,$(B)/libexec/tools/getcfg,compat))
$(B)/libexec/tools/setcfg: $(B)/libexec/tools/getcfg
	ln -sf getcfg $@

# The public TUF conformance suite's client protocol, on the rooms that the product uses.
TUF_CLIENT := $(B)/tests/tuf-client
$(B)/obj/tests/tuf-client/main.o: tests/tuf-client/main.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -MMD -MP -c $< -o $@
-include $(B)/obj/tests/tuf-client/main.d
$(TUF_CLIENT): $(B)/obj/tests/tuf-client/main.o $(call down,ports)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $< $(call down,ports) $(LIBS_ALL) -o $@
PLANTED := $(B)/tests/planted.sh
UNITS += $(TUF_CLIENT) $(PLANTED)

# The simulator: virtual boxes that ask the product's own policy and scheduler. Its lines (`sim: NAME VALUE UNIT`) and
# docs/scale.md say the same; the same figures each time.
SIM := $(B)/tests/sim
SIM_OBJECTS := $(patsubst tests/sim/%.c,$(B)/obj/tests/sim/%.o,$(sort $(wildcard tests/sim/*.c)))
$(B)/obj/tests/sim/%.o: tests/sim/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -Itests/sim -MMD -MP -c $< -o $@
-include $(SIM_OBJECTS:.o=.d)
$(SIM): $(SIM_OBJECTS) $(call down,vendor)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(SIM_OBJECTS) $(call down,vendor) $(LIBS_ALL) -o $@
# The same with one source of room model in another version: `sh sim-with.sh SOURCE PROGRAM`. The command is kept with this
# build's flags, for the test that the figures are the product's.
SIM_WITH := $(B)/tests/sim-with.sh
$(SIM_WITH): $(SIM)
	$(file >$@,set -e; $(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -c "$$1" -o "$$2.o"; \
	  $(CC) $(LDFLAGS_ALL) $(SIM_OBJECTS) "$$2.o" $(call down,vendor) $(LIBS_ALL) -o "$$2")
UNITS += $(SIM) $(SIM_WITH)
sim: deps $(SIM)
	@$(SIM) --folder docs

# docs/reasons.md, from the table in the product.
REASONS := $(B)/tests/reasons
$(B)/obj/tests/reasons/main.o: tests/reasons/main.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -MMD -MP -c $< -o $@
-include $(B)/obj/tests/reasons/main.d
$(REASONS): $(B)/obj/tests/reasons/main.o $(call down,model)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $< $(call down,model) $(LIBS_ALL) -o $@
UNITS += $(REASONS)
reasons: $(REASONS)
	$(REASONS) > docs/reasons.md

deps:
	@sh tests/deps.sh yes build test

# The Photo Station story, end to end, in a scratch folder. KEEP=1 keeps the folder.
demo: deps all
	$(PYTHON) -B tests/demo/demo.py

# Unit tests of every room and the end-to-end tests; the last line is `N passed, N failed, N skipped`.
test: deps all units
	APPCENTER_BUILD=$(abspath $(B)) $(PYTHON) -B tests/run.py --build $(B)

units: $(UNITS) $(TOOLS)
unit: units
	$(PYTHON) -B tests/run.py --build $(B) --only unit
e2e: all
	APPCENTER_BUILD=$(abspath $(B)) $(PYTHON) -B tests/run.py --build $(B) --only e2e

# The public suite, from folders that the caller has: SUITE is a checkout of tuf-conformance, PEERS holds what it imports
# (python-tuf and securesystemslib), packages or checkouts side by side.
conformance: $(TUF_CLIENT)
	@sh tests/deps.sh yes build conformance
	@$(PYTHON) -B tests/trust/conformance.py --suite "$(SUITE)" --peers "$(PEERS)" --client $(TUF_CLIENT)

# Takes one check at a time out of room trust and sees that our own tests notice: tests/unit/trust/README.md is the list.
# WITHOUT=NAME: that one. The command is kept with this build's flags, for `make test`.
$(PLANTED): $(B)/tests/unit-trust tests/trust/planted.py
	$(file >$@,exec $(PYTHON) -B tests/trust/planted.py --compile '$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -O0' \
	  --link '$(CC) $(LDFLAGS_ALL) $(UNIT_trust) $(call objs,trust) $(call objs,base) $(LIBS_ALL)' \
	  --objects $(B)/obj "$$@")
planted: $(PLANTED)
	@sh $< $(if $(WITHOUT),--without $(WITHOUT))

# Takes one protection against crashes at a time out of a copy of the product, and sees that a suite notices; about two minutes
# each. tests/fault/README.md is the list, WITHOUT=NAME that one.
planted-crash: deps all
	$(PYTHON) -B tests/fault/planted.py --build $(B) $(if $(WITHOUT),--without $(WITHOUT))

# Attacks and faults with every point of their sweeps, which `make test` only samples: many hours. QUICK=1: a sample, in
# less than ten minutes. Ends with `torture: SUITE N points, N broken`, a line a suite. APPCENTER_SEED=N repeats the draws.
torture: deps all units
	APPCENTER_BUILD=$(abspath $(B)) $(PYTHON) -B tests/run.py --build $(B) --torture $(if $(QUICK),--quick)

# One line a figure (`bench: NAME VALUE UNIT`); NAME=metadata runs tests/bench/metadata.py alone.
bench: deps all units
	@sh tests/deps.sh yes bench
	@missed=0; for name in $(or $(NAME),$(patsubst tests/bench/%.py,%,$(sort $(wildcard tests/bench/*.py)))); do \
	  APPCENTER_BUILD=$(abspath $(B)) $(PYTHON) -B tests/bench/$${name%%-*}.py || missed=1; done; exit $$missed

# Everything again with AddressSanitizer and UndefinedBehaviorSanitizer.
check-asan: deps
	$(MAKE) B=build-asan SANITIZE=address,undefined OPT="-O1 -g" all units
	@rm -rf build-asan/reports && mkdir -p -m 1777 build-asan/reports && chmod 1777 build-asan/reports
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:log_path=$(CURDIR)/build-asan/reports/asan \
	  UBSAN_OPTIONS=print_stacktrace=1:log_path=$(CURDIR)/build-asan/reports/ubsan G_SLICE=always-malloc \
	  LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp APPCENTER_BUILD=$(CURDIR)/build-asan \
	  $(PYTHON) -B tests/run.py --build build-asan --reports build-asan/reports

# The parsers of packages under libFuzzer, FUZZ_S seconds each; what is found stays in build-fuzz/found. The seeds are made
# anew, what the fuzzer adds to them stays in build-fuzz/corpus.
FUZZ_S  ?= 20
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
$(B)/obj/tests/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -Itests/fuzz -MMD -MP -c $< -o $@
-include $(patsubst tests/fuzz/%.c,$(B)/obj/tests/fuzz/%.d,$(wildcard tests/fuzz/*.c))
$(B)/fuzz/%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/obj/tests/fuzz/fuzz.o $(call down,ports)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(FUZZ_MAIN) $(filter %.o,$^) $(call down,ports) $(LIBS_ALL) -o $@
fuzzers: $(FUZZERS:%=$(B)/fuzz/%)
fuzz:
	@sh tests/deps.sh yes build test fuzz
	@$(MAKE) B=build-fuzz CC=clang SANITIZE=address,undefined,fuzzer-no-link FUZZ_MAIN=-fsanitize=fuzzer OPT="-O1 -g" fuzzers
	@$(PYTHON) -B tests/fuzz/seeds.py build-fuzz/seeds
	@for target in $(FUZZERS); do mkdir -p build-fuzz/corpus/$$target build-fuzz/found; echo "fuzz: $$target"; \
	  G_SLICE=always-malloc build-fuzz/fuzz/$$target -max_total_time=$(FUZZ_S) -timeout=20 -rss_limit_mb=3000 \
	    -malloc_limit_mb=6000 -max_len=40000 -print_final_stats=1 -verbosity=0 -artifact_prefix=build-fuzz/found/$$target- \
	    build-fuzz/corpus/$$target build-fuzz/seeds/$$target || exit 1; done

SOURCES := $(wildcard appcenter/*/*.c appcenter/*/*.h tests/unit/*/*.c tests/unit/*/*.h tests/tuf-client/*.c tests/bench/*.c tests/fuzz/*.[ch] tests/sim/*.[ch] tests/reasons/*.c tests/fault/*.c)
lint:
	@sh tests/deps.sh yes build lint
	@sh tests/lint.sh
	clang-format --dry-run -Werror $(SOURCES)
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --suppressions-list=tests/cppcheck.supp --library=gtk '-DG_GNUC_PRINTF(a,b)=' '-Djson_array_foreach(a,i,v)=for(;;)' \
	  '-Djson_object_foreach(o,k,v)=for(;;)' -Iappcenter $(wildcard appcenter/*/*.c)
	clang-tidy --quiet $(wildcard appcenter/*/*.c) -- -std=gnu11 -D_GNU_SOURCE -DG_LOG_DOMAIN=\"appcenter\" \
	  -Iappcenter -I$(B)/gen $(CFLAGS_PKG)

MAN1 := $(wildcard docs/man/*.1)
MAN5 := $(wildcard docs/man/*.5)
MAN8 := $(wildcard docs/man/*.8)
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/appcenter/tools \
	  $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install $(B)/bin/appcenterd $(DESTDIR)$(PREFIX)/sbin
	install $(B)/bin/appctl $(B)/bin/appvendor $(DESTDIR)$(PREFIX)/bin
	install $(B)/libexec/appcenter-job $(DESTDIR)$(PREFIX)/libexec/appcenter
	install $(B)/libexec/tools/getcfg $(DESTDIR)$(PREFIX)/libexec/appcenter/tools
	ln -sf getcfg $(DESTDIR)$(PREFIX)/libexec/appcenter/tools/setcfg
	install -m 644 $(MAN1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(MAN5) $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 $(MAN8) $(DESTDIR)$(PREFIX)/share/man/man8
	$(B)/bin/appctl completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/appctl
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/tmpfiles.d \
	  $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/share/appcenter
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' appcenter/dist/appcenterd.service.in \
	  > $(DESTDIR)$(PREFIX)/lib/systemd/system/appcenterd.service
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' appcenter/dist/appcenterd.init.in > $(DESTDIR)$(PREFIX)/share/appcenter/appcenterd.init
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/appcenterd.service
	chmod 755 $(DESTDIR)$(PREFIX)/share/appcenter/appcenterd.init
	install -m 644 appcenter/dist/appcenter.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/appcenter.conf
	install -m 644 appcenter/dist/appcenter.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/appcenter.conf

# A Debian package, with dpkg's own tools: $(B)/appcenter_VERSION_ARCH.deb. SOURCE_DATE_EPOCH makes it reproducible.
VERSION = $(shell sed -n 's/^.define APPCENTER_VERSION "\(.*\)"/\1/p' appcenter/base/base.h)
deb: all
	rm -rf $(B)/deb
	$(MAKE) install DESTDIR=$(abspath $(B))/deb PREFIX=/usr
	sh appcenter/dist/deb.sh $(abspath $(B)) $(VERSION)

clean:
	rm -rf $(B) build-asan build-clang build-fuzz
