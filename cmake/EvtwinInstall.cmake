# SPDX-License-Identifier: MIT
# What `cmake --install` lays down: library, headers, tools, pkg-config file, CMake package, cell sets.
include(CMakePackageConfigHelpers)

install(TARGETS evtwin EXPORT evtwinTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/evtwin DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY models/cells DESTINATION ${CMAKE_INSTALL_DATADIR}/evtwin FILES_MATCHING PATTERN "*.json")

# pkg-config: relocatable, since the prefix is found from where the file stands
file(RELATIVE_PATH EVTWIN_PC_PREFIX /root/${CMAKE_INSTALL_LIBDIR}/pkgconfig /root)
string(REGEX REPLACE "/$" "" EVTWIN_PC_PREFIX "${EVTWIN_PC_PREFIX}")
list(JOIN EVTWIN_PC_REQUIRES ", " EVTWIN_PC_REQUIRES_TEXT)
configure_file(pkgconfig/evtwin.pc.in evtwin.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/evtwin.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# units of systemd for the tools of this prefix, found when it is installed: --prefix may be another
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND TARGET evtwin-serve)
  install(CODE "
    file(GLOB units \"${PROJECT_SOURCE_DIR}/deploy/systemd/*.service\")
    foreach(unit IN LISTS units)
      file(READ \"\${unit}\" text)
      string(REPLACE \"/usr/bin/\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\" text \"\${text}\")
      get_filename_component(name \"\${unit}\" NAME)
      set(target \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/\${name}\")
      message(STATUS \"Installing: \$ENV{DESTDIR}\${target}\")
      file(WRITE \"\$ENV{DESTDIR}\${target}\" \"\${text}\")
    endforeach()" COMPONENT systemd)
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/evtwin)
install(EXPORT evtwinTargets NAMESPACE evtwin:: DESTINATION ${package})
configure_package_config_file(pkgconfig/evtwinConfig.cmake.in evtwinConfig.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(evtwinConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/evtwinConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/evtwinConfigVersion.cmake DESTINATION ${package})
