from hcc_xai.cli.main import main

raise SystemExit(main())
