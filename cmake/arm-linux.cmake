# SPDX-License-Identifier: MIT
# 32-bit ARM under Linux: cmake --preset edge -B build/edge-arm -DCMAKE_TOOLCHAIN_FILE=cmake/arm-linux.cmake
# with PKG_CONFIG_LIBDIR (and PKG_CONFIG_SYSROOT_DIR) where the target's jansson is.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
