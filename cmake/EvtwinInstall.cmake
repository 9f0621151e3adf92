# SPDX-License-Identifier: MIT
# What `cmake --install` lays down: library, headers, pkg-config file, CMake package, cell sets.
include(CMakePackageConfigHelpers)

install(TARGETS evtwin evtwin_flags EXPORT evtwinTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/evtwin DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY models/cells DESTINATION ${CMAKE_INSTALL_DATADIR}/evtwin FILES_MATCHING PATTERN "*.json")
