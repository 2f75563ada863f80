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

ROOMS     := base model trust qpkg ports engine vendor daemon job cli
PKG_ALL   := glib-2.0 gio-2.0 jansson libcurl libarchive openssl sqlite3 libzstd libseccomp libsolv libmicrohttpd

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
LDFLAGS_ALL = -pie -Wl,--as-needed -Wl,-z,relro,-z,now $(SAN) $(LDFLAGS)

# Foreign libraries by room; --as-needed keeps them out of programs that do not use them.
pkgs = $(shell pkg-config --cflags $(1) 2>/dev/null)
libs = $(shell pkg-config --libs $(1) 2>/dev/null)
CFLAGS_PKG := $(call pkgs,$(PKG_ALL))
LIBS_ALL   := $(call libs,$(PKG_ALL))

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

src  = $(sort $(wildcard appcenter/$(1)/*.c))
objs = $(patsubst appcenter/%.c,$(B)/obj/%.o,$(filter-out %/main.c,$(call src,$(1))))
lib  = $(B)/lib/lib$(1).a
down = $(foreach r,$(DOWN_$(1)),$(call lib,$(r)))

PROGRAMS := $(B)/bin/appcenterd $(B)/bin/appctl $(B)/bin/appvendor $(B)/libexec/appcenter-job

all: $(PROGRAMS)

.PHONY: all deps demo test unit e2e check-asan lint install clean
.DELETE_ON_ERROR:
.SECONDARY:

$(B)/obj/%.o: appcenter/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -MMD -MP -c $< -o $@

# SQL is linked in as a GResource, referenced by ports/store so that it survives the archive.
SQL := $(sort $(wildcard appcenter/ports/sql/*.sql))
$(B)/gen/sql.gresource.xml: $(SQL) Makefile
	@mkdir -p $(@D)
	@{ echo '<gresources><gresource prefix="/appcenter/sql">'; \
	   for f in $(notdir $(SQL)); do echo "<file>$$f</file>"; done; echo '</gresource></gresources>'; } > $@
$(B)/gen/sql_resource.c: $(B)/gen/sql.gresource.xml $(SQL)
	glib-compile-resources --sourcedir=appcenter/ports/sql --generate-source --internal --c-name sql --target=$@ $<
$(B)/gen/sql_resource.h: $(B)/gen/sql.gresource.xml $(SQL)
	glib-compile-resources --sourcedir=appcenter/ports/sql --generate-header --internal --c-name sql --target=$@ $<
$(B)/obj/ports/sql_resource.o: $(B)/gen/sql_resource.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Wno-overlength-strings $(CFLAGS_PKG) -c $< -o $@
ifneq ($(SQL),)
$(B)/obj/ports/store%.o: $(B)/gen/sql_resource.h
$(call lib,ports): $(B)/obj/ports/sql_resource.o
endif

define room_rules
$$(call lib,$(1)): $$(call objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$(filter %.o,$$^)
-include $$(patsubst appcenter/%.c,$$(B)/obj/%.d,$$(call src,$(1)))

UNIT_$(1) := $$(patsubst tests/unit/%.c,$$(B)/obj/tests/unit/%.o,$$(sort $$(wildcard tests/unit/$(1)/*.c)))
$$(B)/tests/unit-$(1): $$(UNIT_$(1)) $$(call down,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) $$(UNIT_$(1)) -Wl,--whole-archive $$(call lib,$(1)) -Wl,--no-whole-archive \
	  $$(filter-out $$(call lib,$(1)),$$(call down,$(1))) $$(LIBS_ALL) -o $$@
-include $$(UNIT_$(1):.o=.d)
UNITS += $$(if $$(UNIT_$(1)),$$(B)/tests/unit-$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

$(B)/obj/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_PKG) -Itests/unit -MMD -MP -c $< -o $@

define program_rules
$(1): $$(B)/obj/$(2)/main.o $$(call down,$(2))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) $$(B)/obj/$(2)/main.o $$(call down,$(2)) $$(LIBS_ALL) -o $$@
endef
$(eval $(call program_rules,$(B)/bin/appcenterd,daemon))
$(eval $(call program_rules,$(B)/bin/appctl,cli))
$(eval $(call program_rules,$(B)/bin/appvendor,vendor))
$(eval $(call program_rules,$(B)/libexec/appcenter-job,job))

clean:
	rm -rf $(B) build-asan build-clang
