# liveng: livengkupd and its tests. `make help` lists the targets.

VERSION := 0.1.0
PREFIX  ?= /usr
BUILD   ?= build

LIBS := libisofs-1 libburn-1 blkid libcryptsetup libkmod liblzma libzstd liblz4 libcrypto zlib json-c

# Own flags before the user's, so that the user's win.
override CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' -Ikupd -Ikupd/lib \
	$(shell pkg-config --cflags $(LIBS) 2>/dev/null) $(CPPFLAGS)
override CFLAGS   := -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	$(if $(CI),-Werror) $(CFLAGS)
override LDLIBS   := $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lbz2 -lpthread $(LDLIBS)

ifdef SAN
BUILD := $(BUILD)/san
override CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
endif

LIB_SRC  := log disk digest kernel pe initrd names modindex source unpack cpio modules luks fat grubenv host pvd volume session set slot stick candidate
KUPD_SRC := main options inventory update status verify rollback bless repair marker interrupt progress
UNIT     := disk kernel initrd modules luks fat grubenv host volume slot

LIB_OBJ  := $(LIB_SRC:%=$(BUILD)/kupd/lib/%.o)
KUPD_OBJ := $(KUPD_SRC:%=$(BUILD)/kupd/%.o)
UNIT_BIN := $(UNIT:%=$(BUILD)/tests/unit/%)

all: $(BUILD)/livengkupd

$(BUILD)/livengkupd: $(KUPD_OBJ) $(BUILD)/libliveng.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libliveng.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libliveng.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

unit: $(UNIT_BIN)
	@for t in $^; do ./$$t || exit 1; done

clean:
	rm -rf $(BUILD)

-include $(LIB_OBJ:.o=.d) $(KUPD_OBJ:.o=.d) $(UNIT_BIN:=.d)

.PHONY: all unit clean
.SECONDARY:
