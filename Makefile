# make demo   the label-corruption sweep on real images, from an empty machine to the figures
# make test   linter, types and tests
# make test-fast   the quick tests, which start neither Ray nor a browser: two minutes, for the edit loop
# make lint   linter and types alone
# make bench  side-by-side measurements, long; leave the machine idle
# make cluster-test   a cluster of three pretend machines, `ray up` to `ray down`, with failures: ten minutes, as root
# Each does the set-up that is still missing: Debian packages for FFCV's build, then .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# FFCV is built from source against OpenCV and libjpeg-turbo.
PACKAGES := build-essential pkg-config python3-dev python3-venv libopencv-dev libturbojpeg0-dev
# The tests rebuild the embedded images from Debian's Fashion-MNIST, and open pages in a browser.
TEST_PACKAGES := dataset-fashion-mnist chromium
# Pretend machines: network namespaces, each with its own SSH server.
CLUSTER_TEST_PACKAGES := curl iproute2 openssh-client openssh-server rsync tmux
VENV := .venv
EXTRA := dev
READY := $(VENV)/.ready
PARALLEL = $(VENV)/bin/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-fast lint bench cluster-test packages test-packages cluster-test-packages

demo: $(READY)
	$(VENV)/bin/python sweeps/label_corruption.py --demo

test: $(READY) test-packages lint
	$(PARALLEL)

test-fast: $(READY) test-packages
	$(PARALLEL) -m 'not program and not slow'

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(READY)
	$(VENV)/bin/python -m benchmarks

cluster-test: $(READY) cluster-test-packages
	$(VENV)/bin/python -m pytest -m cluster

$(READY): pyproject.toml constraints.txt | packages
	[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRA)]'
	touch $@

# Installs those of the packages $(1) that are missing. A machine that has just started may be updating itself: wait.
define install
	@command -v dpkg-query >/dev/null || echo "not a Debian or Ubuntu machine: FFCV needs the like of $(1)"
	@command -v dpkg-query >/dev/null || exit 0; missing=; for package in $(1); do \
		dpkg-query --show --showformat='$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed \
			|| missing="$$missing $$package"; \
	done; [ -z "$$missing" ] || { $(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=600 $$missing >/dev/null; }
endef

packages:
	$(call install,$(PACKAGES))

test-packages:
	$(call install,$(TEST_PACKAGES))

cluster-test-packages:
	$(call install,$(CLUSTER_TEST_PACKAGES))
