# SPDX-License-Identifier: MIT
# What `cmake --install` lays down: library, headers, tools, pkg-config file, CMake package, cell sets, licence.
include(CMakePackageConfigHelpers)

install(TARGETS evtwin EXPORT evtwinTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/evtwin DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY models/cells DESTINATION ${CMAKE_INSTALL_DATADIR}/evtwin FILES_MATCHING PATTERN "*.json")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(EVTWIN_STATIC)
  install(TARGETS evtwin_static EXPORT evtwinStaticTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

# pkg-config: relocatable, since the prefix is found from where the file stands; with an absolute folder of libraries
# (CMAKE_INSTALL_LIBDIR=/usr/lib64) it is the prefix of this configuration
set(EVTWIN_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
set(EVTWIN_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(EVTWIN_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH EVTWIN_PC_PREFIX "/root/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /root)
  string(REGEX REPLACE "/$" "" EVTWIN_PC_PREFIX "\${pcfiledir}/${EVTWIN_PC_PREFIX}")
endif()
foreach(folder LIBDIR INCLUDEDIR)
  if(NOT IS_ABSOLUTE "${EVTWIN_PC_${folder}}")
    string(PREPEND EVTWIN_PC_${folder} "\${prefix}/")
  endif()
endforeach()
foreach(folder PREFIX LIBDIR INCLUDEDIR)
  string(REPLACE " " "\\ " EVTWIN_PC_${folder} "${EVTWIN_PC_${folder}}")
endforeach()

# The dependencies' libraries, for static linking only, and not by Requires.private: that puts their include folders
# before users' compilers, and fails where their headers are absent, which no user of ours needs.
set(EVTWIN_PC_PRIVATE)
foreach(dependency jansson ${client_libraries})
  foreach(folder IN LISTS ${dependency}_LIBRARY_DIRS)
    if(NOT folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
      list(APPEND EVTWIN_PC_PRIVATE "-L${folder}")
    endif()
  endforeach()
  list(TRANSFORM ${dependency}_LIBRARIES PREPEND -l OUTPUT_VARIABLE names)
  list(APPEND EVTWIN_PC_PRIVATE ${names})
endforeach()
list(REMOVE_DUPLICATES EVTWIN_PC_PRIVATE)
list(APPEND EVTWIN_PC_PRIVATE -lm -pthread)
list(JOIN EVTWIN_PC_PRIVATE " " EVTWIN_PC_PRIVATE)
configure_file(pkgconfig/evtwin.pc.in evtwin.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/evtwin.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# units of systemd for the tools of this prefix, found when it is installed: --prefix may be another
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND TARGET evtwin-serve)
  install(CODE "
    set(bin \"${CMAKE_INSTALL_BINDIR}\")
    file(GLOB units \"${PROJECT_SOURCE_DIR}/deploy/systemd/*.service\")
    foreach(unit IN LISTS units)
      file(READ \"\${unit}\" text)
      cmake_path(ABSOLUTE_PATH bin BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\" OUTPUT_VARIABLE folder)
      string(REPLACE \" \" \"\\\\x20\" folder \"\${folder}\")
      string(REPLACE \"/usr/bin/\" \"\${folder}/\" text \"\${text}\")
      get_filename_component(name \"\${unit}\" NAME)
      file(WRITE \"${PROJECT_BINARY_DIR}/systemd/\${name}\" \"\${text}\")
      file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\" TYPE FILE
           FILES \"${PROJECT_BINARY_DIR}/systemd/\${name}\")
    endforeach()" COMPONENT systemd)
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/evtwin)
install(EXPORT evtwinTargets NAMESPACE evtwin:: DESTINATION ${package})
if(EVTWIN_STATIC)
  install(EXPORT evtwinStaticTargets NAMESPACE evtwin:: DESTINATION ${package})
endif()
configure_package_config_file(pkgconfig/evtwinConfig.cmake.in evtwinConfig.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(evtwinConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/evtwinConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/evtwinConfigVersion.cmake DESTINATION ${package})

# `make uninstall`: what the last installation of this build folder laid down
if(PROJECT_IS_TOP_LEVEL) # another project may have its own
  add_custom_target(uninstall
    COMMAND ${CMAKE_COMMAND} -DMANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt
            -P ${PROJECT_SOURCE_DIR}/cmake/EvtwinUninstall.cmake VERBATIM)
endif()
