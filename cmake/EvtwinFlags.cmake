# SPDX-License-Identifier: MIT
# Compiler flags of all our code, as the interface target evtwin_flags.
include(CheckCCompilerFlag)

add_library(evtwin_flags INTERFACE)

# Results are ours to keep: no fused multiply-add, no reassociation.
target_compile_options(evtwin_flags INTERFACE -ffp-contract=off)

# -Wno-enum-float-conversion: nameless enums are our integer constants, exact as doubles.
foreach(flag -Wall -Wextra -Wformat=2 -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
             -Wundef -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough -Wvla
             -Werror=format-security -Werror=implicit -Werror=incompatible-pointer-types
             -Werror=int-conversion -Wno-sign-conversion -Wno-enum-float-conversion
             -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
             -fno-strict-aliasing -fno-delete-null-pointer-checks)
  string(MAKE_C_IDENTIFIER "EVTWIN_HAS${flag}" has)
  check_c_compiler_flag("${flag}" ${has})
  if(${has})
    target_compile_options(evtwin_flags INTERFACE ${flag})
  endif()
endforeach()
if(EVTWIN_WERROR)
  target_compile_options(evtwin_flags INTERFACE -Werror)
endif()

# _FORTIFY_SOURCE needs optimisation and fights the sanitizers. A level that the builder has chosen stays.
if(CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT EVTWIN_SANITIZE AND NOT CMAKE_C_FLAGS MATCHES "_FORTIFY_SOURCE")
  target_compile_options(evtwin_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(evtwin_flags INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack
                    LINKER:--as-needed)

# EVTWIN_SANITIZE: "address,undefined" or "thread"
set(EVTWIN_SANITIZE "" CACHE STRING "Sanitizers to build with")
if(EVTWIN_SANITIZE)
  target_compile_options(evtwin_flags INTERFACE -fsanitize=${EVTWIN_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(evtwin_flags INTERFACE -fsanitize=${EVTWIN_SANITIZE})
  if(EVTWIN_SANITIZE MATCHES "undefined")
    target_compile_options(evtwin_flags INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()
if(EVTWIN_FUZZ)
  target_compile_options(evtwin_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
