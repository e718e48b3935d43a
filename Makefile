# demur. `make help` lists what there is to make.
SHELL := /bin/bash
.DEFAULT_GOAL := build

VARIANT ?= release
OUT := build/$(VARIANT)
CC := gcc
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_debug := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_debug := -fsanitize=address,undefined
CFLAGS := -std=gnu11 $(WARN) $(CFLAGS_$(VARIANT)) -MMD -MP
LDFLAGS := $(LDFLAGS_$(VARIANT))

CORE := $(wildcard core/*.c)
TESTS := $(wildcard tests/core/*_test.c)
obj = $(patsubst %.c,$(OUT)/%.o,$(1))

$(OUT)/%.o: %.c
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) -c $< -o $@

$(OUT)/libcore.a: $(call obj,$(CORE))
	@rm -f $@
	ar rcs $@ $^

$(OUT)/unit: $(call obj,$(TESTS) tests/harness.c tests/native_main.c) $(OUT)/libcore.a
	$(CC) $(LDFLAGS) -o $@ $^ -lsodium

.PHONY: build unit
build: $(OUT)/libcore.a
# unit: build and run the core's unit tests (VARIANT=debug for sanitizers, T=substring)
unit: $(OUT)/unit
	$(OUT)/unit $(if $(T),-t $(T)) vectors ../shared/vectors

-include $(shell find build/$(VARIANT) -name '*.d' 2>/dev/null)
