pganalytics_unit_test(pki_test SOURCES pki/pki_test.cpp LIBRARIES pganalytics_pki)
