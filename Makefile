# SPDX-License-Identifier: Apache-2.0
#
# glasswatch: see `make help`. V=1 shows the commands, BUILD=DIR builds elsewhere,
# SANITIZE=1 adds address and undefined-behaviour checks, COVERAGE=1 counts the
# lines that run, WITH_BPF=auto|yes|no chooses whether the kernel programs are built.

VERSION = 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
GEN = $(BUILD)/gen

# What the machine calls cc may be either; the warnings differ.
ifeq ($(origin CC),default)
CC = gcc
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config
BTF ?= /sys/kernel/btf/vmlinux
WITH_BPF ?= auto

ifneq ($(V),1)
Q = @
say = @printf '  %-8s%s\n' '$(1)' '$(2)';
endif

# ---- what there is -----------------------------------------------------------

find_c = $(sort $(foreach d,$(1),$(if $(wildcard $(d)),$(shell find $(d) -name '*.c'))))
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

COMMON_SRC := $(call find_c,common)
AGENT_SRC := $(filter-out agent/main.c,$(call find_c,agent))
COLLECTOR_SRC := $(filter-out collector/main.c,$(call find_c,collector))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_HELP_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
TOOL_SRC := $(wildcard tests/tools/*.c)
PRELOAD_SRC := $(wildcard tests/preload/*.c)
BENCH_SRC := $(wildcard tests/bench/bench_*.c)
BENCH_HELP_SRC := $(filter-out $(BENCH_SRC),$(wildcard tests/bench/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
BPF_SRC := $(wildcard bpf/*.bpf.c)
TEXT_SRC := $(sort $(shell find collector -name '*.sql' -o -name '*.css' -o -name '*.json'))

LIBS = $(BUILD)/libagent.a $(BUILD)/libcollector.a $(BUILD)/libcommon.a
PROGRAMS := $(if $(wildcard agent/main.c),$(BUILD)/glasswatch-agent) \
	$(if $(wildcard collector/main.c),$(BUILD)/glasswatch-collector)
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/tools/%,$(TOOL_SRC)) \
	$(patsubst tests/preload/%.c,$(BUILD)/tests/tools/%.so,$(PRELOAD_SRC))
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(BENCH_SRC))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZ_SRC))
SEEDED := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/seeds_%,$(FUZZ_SRC))

# ---- libraries ---------------------------------------------------------------

PACKAGES = libpcap hiredis jansson libevent yaml-0.1 sqlite3 libcrypto libcap-ng libseccomp \
	libpq libmicrohttpd libcurl zlib libzstd
NEEDS_LIBS := $(filter-out deps help clean dashboards screenshots test test-debian13 chaos flood check demo \
	coverage bench bench-kernel bench-ingest bench-query bench-clients,$(or $(MAKECMDGOALS),all))
ifneq ($(NEEDS_LIBS),)
MISSING := $(strip $(foreach p,$(PACKAGES) cmocka,\
	$(shell $(PKG_CONFIG) --exists $(p) 2>/dev/null || echo $(p))))
ifneq ($(MISSING),)
$(error missing libraries: $(MISSING); run `make deps`)
endif

# The kernel programs need clang, bpftool and libbpf.
HAVE_BPF := $(shell command -v $(CLANG) >/dev/null && test -x '$(BPFTOOL)' && \
	$(PKG_CONFIG) --exists libbpf && echo yes)
ifeq ($(WITH_BPF),no)
HAVE_BPF :=
else ifeq ($(WITH_BPF)-$(HAVE_BPF),yes-)
$(error WITH_BPF=yes needs clang, bpftool and libbpf-dev; run `make deps`)
endif
endif

ifeq ($(HAVE_BPF),yes)
PACKAGES += libbpf
DEFINES += -DHAVE_BPF=1
# Programs that read kernel structures (CO-RE) need the running kernel's types;
# without them the rest is built and HAVE_VMLINUX is not defined.
ifneq ($(wildcard $(BTF)),)
DEFINES += -DHAVE_VMLINUX=1
else ifneq ($(BPF_SRC),)
BPF_SRC := $(shell grep -L '"vmlinux.h"' $(BPF_SRC))
endif
SKELETONS := $(patsubst bpf/%.bpf.c,$(GEN)/%.skel.h,$(BPF_SRC))
endif

# TLS to Redis; hiredis has it since 1.0.
ifeq ($(shell $(PKG_CONFIG) --exists hiredis_ssl libssl 2>/dev/null && echo yes),yes)
PACKAGES += hiredis_ssl libssl
DEFINES += -DHAVE_HIREDIS_SSL=1
endif

ifneq ($(NEEDS_LIBS),)
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
LIB_LDLIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES))
endif

# ---- flags -------------------------------------------------------------------

OPT ?= -O2 -g
WARN = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
# Callbacks of libevent, hiredis and cmocka have arguments that not all need.
WARN += -Wno-unused-parameter
# Tables name the fields that they set; the others are zero, as C promises.
WARN += -Wno-missing-field-initializers
# snprintf() is asked to cut; gcc would have every number at its widest. clang
# does not know the option.
WARN += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
HARDEN = -fstack-protector-strong -fPIE
ifneq ($(COVERAGE),)
OPT = -O0 -g # a line is a line
CHECKED = --coverage -fprofile-update=atomic
HARDEN_LD = -pie
else ifeq ($(SANITIZE)$(FUZZ),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HARDEN_LD = -pie -Wl,-z,relro,-z,now
else
CHECKED = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CHECKED += $(if $(FUZZ),-fsanitize=fuzzer-no-link \
	-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
HARDEN_LD = -pie
endif

ALL_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(CHECKED) -D_GNU_SOURCE \
	-DGLASSWATCH_VERSION='"$(VERSION)"' -DGLASSWATCH_PREFIX='"$(PREFIX)"' $(DEFINES) -I. -I$(GEN) $(LIB_CFLAGS) $(CFLAGS)
# Each program is linked with what it uses.
ALL_LDFLAGS = -Wl,--as-needed $(HARDEN_LD) $(CHECKED) $(LDFLAGS)

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS = -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter \
	-Wno-missing-field-initializers -I. -Ibpf -I$(GEN) \
	$(if $(MULTIARCH),-I/usr/include/$(MULTIARCH)) $(BPF_TARGET_ARCH)
# libbpf's tracing macros spell registers by the machine's name.
BPF_TARGET_ARCH := -D__TARGET_ARCH_$(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; \
	s/ppc64le/powerpc/; s/s390x/s390/; s/riscv64/riscv/')

# ---- building ----------------------------------------------------------------

.PHONY: all programs dashboards tests tools fuzzers seeded benches
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

all: programs dashboards ## build both programs and the page: build/glasswatch-*, build/web/
programs: $(PROGRAMS)
tests: $(UNIT) tools
tools: $(TOOLS)
fuzzers: $(FUZZERS)
seeded: $(SEEDED)
benches: $(BENCH)

$(BUILD)/glasswatch-agent: $(BUILD)/obj/agent/main.o $(BUILD)/libagent.a $(BUILD)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LDLIBS)

$(BUILD)/glasswatch-collector: $(BUILD)/obj/collector/main.o $(BUILD)/libcollector.a \
		$(BUILD)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LDLIBS) -lm

$(BUILD)/libcommon.a: $(call obj,$(COMMON_SRC))
$(BUILD)/libagent.a: $(call obj,$(AGENT_SRC))
$(BUILD)/libcollector.a: $(call obj,$(COLLECTOR_SRC))
# Made anew each time, or the objects of sources that are gone would stay. Appended (q): `ar r`
# keeps one object of each name, and folders have files of the same name.
$(LIBS):
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@ && $(AR) qcs $@ $^

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(call obj,$(UNIT_HELP_SRC)) $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(LIBS) -Wl,--end-group $(LIB_LDLIBS) -lcmocka -lm

# Programs that end-to-end tests run beside ours.
$(BUILD)/tests/tools/%: $(BUILD)/obj/tests/tools/%.o $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(LIBS) -Wl,--end-group $(LIB_LDLIBS) -lm

# Libraries that stand between a program and the system (LD_PRELOAD).
$(BUILD)/tests/tools/%.so: tests/preload/%.c
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -D_GNU_SOURCE \
		-fPIC -shared -o $@ $<

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(call obj,$(BENCH_HELP_SRC)) $(LIBS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(LIBS) -Wl,--end-group $(LIB_LDLIBS) -lm

$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(LIBS) -Wl,--end-group $(LIB_LDLIBS) -lm

# The same targets without a fuzzer: they run on the files they are given.
$(BUILD)/seeds_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/standalone.o $(LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(LIBS) -Wl,--end-group $(LIB_LDLIBS) -lm

# Made before the first compilation; afterwards the .d files know who needs what.
TEXTS = $(TEXT_SRC:%=$(GEN)/%.h)
GENERATED = $(SKELETONS) $(TEXTS)
$(call obj,$(AGENT_SRC) agent/main.c): | $(SKELETONS)
$(call obj,$(COLLECTOR_SRC) collector/main.c): | $(TEXTS)
$(call obj,$(UNIT_SRC) $(UNIT_HELP_SRC) $(TOOL_SRC) $(BENCH_SRC) $(BENCH_HELP_SRC) $(FUZZ_SRC)): \
	| $(GENERATED)

# The text of an .sql, .css or .json file as a C string literal: `static const char x[] =
# #include "collector/FOLDER/NAME.sql.h"`. Without the lines that are a comment of their own in CSS.
$(GEN)/collector/%.h: collector/%
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && sed '/^\/\*.*\*\/$$/d; s/["\\]/\\&/g; s/^/"/; s/$$/\\n"/' $< > $@

$(GEN)/vmlinux.h:
	$(call say,BTF,$@)
	$(Q)mkdir -p $(@D) && $(BPFTOOL) btf dump file $(BTF) format c > $@

$(BUILD)/obj/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<
$(foreach s,$(if $(BPF_SRC),$(shell grep -l '"vmlinux.h"' $(BPF_SRC))),\
	$(eval $(BUILD)/obj/$(s:.c=.o): | $(GEN)/vmlinux.h))

$(GEN)/%.skel.h: $(BUILD)/obj/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D) && $(BPFTOOL) gen skeleton $< name $*_bpf > $@

# ---- the page ----------------------------------------------------------------
#
# Libraries come by `npm ci`: the lock file names versions and hashes. Nothing is
# fetched when the page is used. A change of the lock file installs them anew.

WEB = dashboards/web
WEB_SRC := $(shell find $(WEB)/src -type f) $(WEB)/build.mjs

# Installs what a lock file names, when it is not what is there.
npm_ci = cmp -s $(1)/package-lock.json $(1)/node_modules/.lock || \
	{ (cd $(1) && npm ci --silent --no-progress </dev/null) && \
	cp $(1)/package-lock.json $(1)/node_modules/.lock; }

dashboards: $(BUILD)/web/index.html ## build the page, build/web/
$(BUILD)/web/index.html: $(WEB_SRC) $(WEB)/node_modules/.lock
	$(call say,WEB,$(@D))
	$(Q)mkdir -p $(@D) && node $(WEB)/build.mjs $(abspath $(@D))
$(WEB)/node_modules/.lock: $(WEB)/package.json $(WEB)/package-lock.json
	$(call say,NPM,$(WEB))
	$(Q)command -v npm >/dev/null || \
		{ echo 'npm is missing: run `make deps`; `make programs` builds without the page' >&2; exit 1; }
	$(Q)$(call npm_ci,$(WEB)) && touch $@

-include $(shell test -d $(BUILD)/obj && find $(BUILD)/obj -name '*.d')

# ---- running -----------------------------------------------------------------
#
# The targets that a newcomer starts with install what is missing first, then run
# make again, because the libraries' flags are asked for when make starts.

.PHONY: deps test test-debian13 unit e2e web screenshots chaos flood judge check demo sanitize fuzz coverage lint format bench \
	bench-kernel bench-ingest bench-query bench-clients bench-check install clean help

PYTHON ?= /usr/bin/python3
SHARED ?= $(or $(GLASSWATCH_SHARED),../shared)
# SECONDS= only from the command line: bash has a variable of that name.
FUZZ_SECONDS ?= 5
ifeq ($(origin SECONDS),command line)
FUZZ_SECONDS := $(SECONDS)
endif
FUZZ_TARGETS := $(or $(TARGET),$(FUZZ_SRC:tests/fuzz/fuzz_%.c=%))
JOBS ?= $(shell nproc)
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
AGAIN = $(MAKE) --no-print-directory

# a comma inside $(call)
, := ,
step = @printf '\n== %s\n' '$(1)'

deps: ## install what Debian 12 needs to build, test and demonstrate (apt, as root)
	$(Q).ci/deps

demo: ## raise a small fabric, play a failover on it, show what was seen (DEMO_ONCE=1: and exit)
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs dashboards
	$(Q)BUILD=$(BUILD) tests/lab/demo.sh

test: ## all tests: unit, end to end, real captures
	$(Q).ci/deps
	$(call step,build)
	+$(Q)$(AGAIN) $(PARALLEL) programs tests
	+$(Q)$(AGAIN) unit
	+$(Q)$(AGAIN) e2e
	+$(Q)$(AGAIN) web
	+$(Q)$(AGAIN) judge

unit: tests ## the unit tests alone
	@failed=; for t in $(UNIT); do \
		printf '\n== unit: %s\n' "$${t##*/}"; \
		timeout 600 $$t 2>&1 || failed="$$failed $${t##*/}"; \
	done; \
	[ -z "$$failed" ] || { printf '\nunit tests failed:%s\n' "$$failed"; exit 1; }

# Tests with servers of their own on loopback, which mostly wait: side by side. The rest
# make network namespaces, load programs into the kernel, or measure.
E2E := $(sort $(wildcard tests/e2e/*.t))
E2E_TOGETHER := $(filter $(addprefix tests/e2e/,$(addsuffix .t,alerts api audit bgp check collector \
	collector_kill collector_store delivery docs errors held incidents inventory metrics report \
	retain silence two_collectors verify)),$(E2E))
PROVE = BUILD=$(BUILD) prove --timer --failures --comments

e2e: programs tools ## the end-to-end tests alone
	$(call step,end to end: tests/e2e)
	@failed=; $(PROVE) -j4 $(E2E_TOGETHER) || failed=1; \
	$(PROVE) $(filter-out $(E2E_TOGETHER),$(E2E)) || failed=1; [ -z "$$failed" ]

# The page in Debian's chromium against a real collector: `make web TESTS=fleet` is one file.
WEB_TESTS = $(if $(TESTS),$(TESTS:%=tests/web/%.test.mjs),$(sort $(wildcard tests/web/*.test.mjs)))

web: programs dashboards tools ## the tests of the page alone, in a browser (TESTS="fleet live")
	$(call step,the page in a browser: tests/web)
	@if ! command -v node >/dev/null || ! { [ -x "$(CHROMIUM)" ] || command -v chromium >/dev/null; }; then \
		echo 'SKIP: no node or no chromium (run `make deps`); the page is NOT tested'; \
	else \
		set -e; $(call npm_ci,tests/web); \
		BUILD=$(abspath $(BUILD)) node --test --test-concurrency=2 --test-reporter=spec $(WEB_TESTS); \
	fi

screenshots: ## a picture of each view, light and dark, desktop and phone, into docs/screenshots/
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs dashboards
	$(Q)$(call npm_ci,tests/web)
	$(Q)BUILD=$(abspath $(BUILD)) node --test --test-reporter=spec tests/web/screenshots.mjs

chaos: ## agent, collector and Redis killed at random for five minutes (CHAOS_SECONDS, SEED)
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs
	$(Q)BUILD=$(BUILD) CHAOS_SECONDS=$(or $(CHAOS_SECONDS),300) prove --verbose tests/e2e/chaos.t

flood: ## ten million SYNs while 50 sessions go on (FLOOD_SYNS, SEED)
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs tools
	$(Q)BUILD=$(BUILD) FLOOD_SYNS=$(or $(FLOOD_SYNS),10000000) prove --verbose tests/e2e/flood.t

test-debian13: ## TLS and delivery on Debian 13, in a folder made with debootstrap (minutes; as root)
	$(Q).ci/deps
	$(Q)BUILD=$(BUILD) tests/debian13.sh

# The captures and what is known of them are not part of this repository.
judge: programs
	$(call step,replay of real captures against what others say of them)
	@if [ -f $(SHARED)/data/judge_traces.py ]; then \
		set -e; for level in 'core 99.9' 'full 99'; do \
			printf '\n-- %s\n' "$$level"; \
			$(PYTHON) $(SHARED)/data/judge_traces.py $(BUILD)/glasswatch-agent \
				$(SHARED)/data/traces $$level; \
		done; \
	else \
		echo "SKIP: no $(SHARED)/data/judge_traces.py; real captures are NOT checked"; \
	fi

check: ## builds by gcc and clang, sanitizers, fuzzers, lints
	$(Q).ci/deps
	$(call step,build with gcc)
	+$(Q)$(AGAIN) $(PARALLEL) CC=gcc BUILD=$(BUILD)/gcc programs tests benches
	$(call step,build with clang)
	+$(Q)$(AGAIN) $(PARALLEL) CC=clang BUILD=$(BUILD)/clang programs tests benches
	$(call step,build without the kernel programs)
	+$(Q)$(AGAIN) $(PARALLEL) WITH_BPF=no BUILD=$(BUILD)/nobpf programs
	$(call step,unit tests under address and undefined sanitizers)
	+$(Q)$(AGAIN) $(PARALLEL) sanitize
	+$(Q)$(AGAIN) BUILD=$(BUILD)/sanitize SANITIZE=1 unit
	$(call step,malformed captures under the same sanitizers)
	$(Q)BUILD=$(BUILD)/sanitize prove --failures --comments tests/e2e/malformed.t
	+$(Q)$(AGAIN) $(PARALLEL) fuzz
	+$(Q)$(AGAIN) lint

sanitize: ## both programs and the unit tests with sanitizers, under build/sanitize/
	+$(Q)$(AGAIN) BUILD=$(BUILD)/sanitize SANITIZE=1 programs tests

fuzz: ## each fuzzer on its corpus (SECONDS=600: so long each; TARGET=ssh: that one)
	$(call step,fuzzers$(,) $(FUZZ_SECONDS) s each: $(FUZZ_TARGETS))
	+$(Q)$(AGAIN) CC=clang BUILD=$(BUILD)/fuzz FUZZ=1 $(FUZZ_TARGETS:%=$(BUILD)/fuzz/fuzz_%)
	$(Q)BUILD=$(BUILD) tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# The counters of earlier runs are of other code.
coverage: ## which lines of the engine the unit tests and the corpora run
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) CC=gcc BUILD=$(BUILD)/coverage COVERAGE=1 programs tests seeded
	$(Q)find $(BUILD)/coverage -name '*.gcda' -delete
	+$(Q)$(AGAIN) CC=gcc BUILD=$(BUILD)/coverage COVERAGE=1 unit
	$(call step,seeds of the fuzzers)
	@for f in $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%); do \
		printf '  SEEDS   %-8s ' $$f; \
		$(BUILD)/coverage/seeds_$$f tests/fuzz/corpus/$$f || exit 1; \
	done
	$(call step,malformed captures)
	$(Q)BUILD=$(BUILD)/coverage prove --failures --comments tests/e2e/malformed.t
	$(call step,lines that ran)
	$(Q)tests/coverage.py $(BUILD)/coverage

lint: $(GENERATED) ## headers, include direction, style, dashboards, cppcheck
	$(call step,lints)
	$(Q)CC=$(CC) CPPFLAGS='-I. -I$(GEN) $(LIB_CFLAGS)' tests/headers.sh
	$(Q)$(PYTHON) tests/includes.py
	$(Q)tests/style.sh
	$(Q)$(PYTHON) tests/dashboards.py
	$(Q)GEN=$(GEN) tests/cppcheck.sh

format: ## put the C sources into .clang-format's shape
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

bench-kernel: ## what the kernel programs cost, per packet
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) $(BUILD)/bench/bench_kernel
	$(Q)$(BUILD)/bench/bench_kernel

bench-ingest: ## how fast events are stored, beside bare INSERTs or COPY (STORE, EVENTS, ROUNDS, BATCH)
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs $(BUILD)/bench/bench_ingest
	$(Q)$(BUILD)/bench/bench_ingest $(BUILD)/glasswatch-collector

bench-query: ## how fast questions are answered over 10 million events (EVENTS, RUNS; some 25 GB)
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs $(BUILD)/bench/bench_query
	$(Q)$(BUILD)/bench/bench_query $(BUILD)/glasswatch-collector

bench-clients: ## what 500 listeners to the API's stream cost the collector
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs
	$(Q)BUILD=$(BUILD) $(PYTHON) tests/bench/clients.py

bench-check: ## `check` over 5,000 generated devices, beside cat and wc -l (DEVICES, ROUNDS)
	$(Q).ci/deps
	+$(Q)$(AGAIN) $(PARALLEL) programs
	$(Q)BUILD=$(BUILD) $(PYTHON) tests/bench/check.py

bench: bench-kernel bench-ingest bench-query bench-clients bench-check ## every benchmark

install: all ## install into DESTDIR/PREFIX
	$(Q)install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin share/man/man1 \
		share/glasswatch/prometheus share/glasswatch/grafana share/glasswatch/web \
		share/doc/glasswatch/examples lib/systemd/system lib/sysusers.d)
	$(Q)install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	$(Q)install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	$(Q)install -m 644 common/event.schema.json $(DESTDIR)$(PREFIX)/share/glasswatch/
	$(Q)install -m 644 dashboards/prometheus/*.yml \
		$(DESTDIR)$(PREFIX)/share/glasswatch/prometheus/
	$(Q)install -m 644 dashboards/grafana/*.json dashboards/grafana/*.yml \
		$(DESTDIR)$(PREFIX)/share/glasswatch/grafana/
	$(Q)rm -f $(DESTDIR)$(PREFIX)/share/glasswatch/web/*.js \
		$(DESTDIR)$(PREFIX)/share/glasswatch/web/*.css
	$(Q)install -m 644 $(BUILD)/web/* $(DESTDIR)$(PREFIX)/share/glasswatch/web/
	$(Q)install -m 644 README.md LICENSE docs/*.md $(DESTDIR)$(PREFIX)/share/doc/glasswatch/
	$(Q)install -m 644 docs/examples/*.yaml \
		$(DESTDIR)$(PREFIX)/share/doc/glasswatch/examples/
	$(Q)for u in agent collector; do \
		sed 's,@PREFIX@,$(PREFIX),' packaging/glasswatch-$$u.service.in | install -m 644 \
			/dev/stdin $(DESTDIR)$(PREFIX)/lib/systemd/system/glasswatch-$$u.service || exit 1; \
	done
	$(Q)install -m 644 packaging/run-glasswatch-bpf.mount \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/
	$(Q)install -m 644 packaging/glasswatch.sysusers \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/glasswatch.conf

clean: ## remove build/
	$(Q)rm -rf $(BUILD)

help: ## this list
	@printf 'Targets of make (V=1 shows commands, BUILD=DIR builds elsewhere):\n'
	@sed -n 's/^\([a-z0-9][a-z0-9-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18
